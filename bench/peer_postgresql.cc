// PostgreSQL, by libpq: a server of our own for each contestant, and a connection for each thread
// that is inside. synchronous_commit is on for `synced`, off below.
#include "peer.h"

#ifdef FORELOG_BENCH_POSTGRESQL

#include <libpq-fe.h>

#include <array>
#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "cli/bench_usage.h"
#include "forelog/try.h"
#include "postgresql_server.h"

namespace forelog::bench {
namespace {

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
using Answer = std::unique_ptr<PGresult, Clear>;

constexpr unsigned kConnectionsMax = 150;  // 100 by default, for 128 threads.
constexpr Oid kBigint = 20, kBytea = 17;   // Types, as the catalogue numbers them.
constexpr const char* kOne = "one";
constexpr const char* kMany = "many";

Status check(PGconn* connection, const Answer& answer) {
  if (PQresultStatus(answer.get()) == PGRES_COMMAND_OK) return {};
  return {Code::io_error, std::string("PostgreSQL: ") + PQerrorMessage(connection)};
}

void put_big_endian(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    to.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
  }
}

// The binary form of an array of one dimension (array_send in the server), up to its elements.
void begin_array(std::string& to, Oid type, std::uint64_t count) {
  to.clear();
  for (const std::uint32_t word : {std::uint32_t{1}, std::uint32_t{0}, std::uint32_t{type},
                                   static_cast<std::uint32_t>(count), std::uint32_t{1}}) {
    put_big_endian(to, word);
  }
}

Status execute(PGconn* connection, const char* statement,
               std::array<std::string_view, 2> parameters) {
  const std::array<const char*, 2> values = {parameters[0].data(), parameters[1].data()};
  const std::array<int, 2> lengths = {static_cast<int>(parameters[0].size()),
                                      static_cast<int>(parameters[1].size())};
  constexpr std::array<int, 2> kBinary = {1, 1};
  const Answer answer(
      PQexecPrepared(connection, statement, 2, values.data(), lengths.data(), kBinary.data(), 1));
  return check(connection, answer);
}

class Postgresql final : public Peer {
 public:
  Postgresql(PostgresqlServer server, Durability level)
      : server_(std::move(server)), level_(level) {}

  Status prepare(unsigned connections) {
    Connection connection = FORELOG_TRY(connect_patiently());
    const Answer made(
        PQexec(connection.get(), "CREATE TABLE log (key bigint PRIMARY KEY, record bytea)"));
    FORELOG_TRY(check(connection.get(), made));
    std::vector<Connection> all;
    for (unsigned i = 0; i < connections; ++i) all.push_back(FORELOG_TRY(take_connection()));
    for (Connection& one : all) give_back(std::move(one));
    count_also(server_.pid());
    return {};
  }

  Status put(std::uint64_t key, ByteView value) override {
    Connection connection = FORELOG_TRY(take_connection());
    const auto bytes = key_bytes(key);
    Status status = execute(connection.get(), kOne,
                            {std::string_view(bytes.data(), bytes.size()), value.text()});
    give_back(std::move(connection));
    return status;
  }

  // One statement of many rows, which is a transaction of its own.
  Status put_batch(std::uint64_t first_key, std::uint64_t count, ByteView value) override {
    Connection connection = FORELOG_TRY(take_connection());
    begin_array(keys_, kBigint, count);
    begin_array(records_, kBytea, count);
    for (std::uint64_t key = first_key; key < first_key + count; ++key) {
      const auto bytes = key_bytes(key);
      put_big_endian(keys_, bytes.size());
      keys_.append(bytes.data(), bytes.size());
      put_big_endian(records_, static_cast<std::uint32_t>(value.size()));
      records_ += value.text();
    }
    Status status = execute(connection.get(), kMany, {keys_, records_});
    give_back(std::move(connection));
    return status;
  }

 private:
  // What a connection needs before its first record. Not there yet: not_found.
  Result<Connection> connect() const {
    const std::string commit =
        std::string("-c synchronous_commit=") + (level_ == Durability::synced ? "on" : "off");
    const std::array<const char*, 5> keywords = {"host", "dbname", "user", "options", nullptr};
    const std::array<const char*, 5> values = {server_.host().c_str(), "postgres",
                                               server_.user().c_str(), commit.c_str(), nullptr};
    Connection connection(PQconnectdbParams(keywords.data(), values.data(), 0));
    if (PQstatus(connection.get()) == CONNECTION_OK) return connection;
    return Status(Code::not_found, std::string("PostgreSQL: ") + PQerrorMessage(connection.get()));
  }

  Result<Connection> connect_patiently() const {
    const auto enough = Clock::now() + std::chrono::seconds(30);
    for (;;) {
      Result<Connection> connection = connect();
      if (connection) return connection;
      if (interrupted()) return Status(Code::cancelled, "interrupted");
      if (!server_.runs()) {
        return Status(Code::unsupported, "PostgreSQL's server ended: " + server_.log());
      }
      if (Clock::now() > enough) return connection.error();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  Result<Connection> take_connection() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        Connection connection = std::move(free_.back());
        free_.pop_back();
        return connection;
      }
    }
    Connection connection = FORELOG_TRY(connect());
    const Answer one(PQprepare(connection.get(), kOne,
                               "INSERT INTO log VALUES ($1::bigint, $2::bytea)", 2, nullptr));
    FORELOG_TRY(check(connection.get(), one));
    const Answer many(PQprepare(connection.get(), kMany,
                                "INSERT INTO log SELECT * FROM unnest($1::bigint[], $2::bytea[])",
                                2, nullptr));
    FORELOG_TRY(check(connection.get(), many));
    return connection;
  }
  void give_back(Connection connection) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(connection));
  }

  PostgresqlServer server_;  // First: it outlives the connections.
  const Durability level_;
  std::mutex mutex_;
  std::vector<Connection> free_;
  std::string keys_, records_;
};

Result<std::unique_ptr<Peer>> open_postgresql(const std::filesystem::path& dir,
                                              const PeerOptions& wanted) {
  PostgresqlServer server = FORELOG_TRY(PostgresqlServer::start(dir, kConnectionsMax));
  auto peer = std::make_unique<Postgresql>(std::move(server), wanted.level);
  FORELOG_TRY(peer->prepare(wanted.threads));
  return std::unique_ptr<Peer>(std::move(peer));
}

}  // namespace

std::vector<PeerKind> postgresql_kinds() { return {{"PostgreSQL", open_postgresql}}; }

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<PeerKind> postgresql_kinds() { return {}; }

}  // namespace forelog::bench

#endif
