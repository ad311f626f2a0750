// WiredTiger with its log: transaction_sync by fsync for `synced`, by the kernel's cache for
// `written`, off for `buffered`. A session for each thread that is inside.
#include "peer.h"

#ifdef FORELOG_BENCH_WIREDTIGER

#include <wiredtiger.h>

#include <mutex>

#include "forelog/try.h"

namespace forelog::bench {
namespace {

Status check(int result) {
  if (result == 0) return {};
  return {Code::io_error, std::string("WiredTiger: ") + wiredtiger_strerror(result)};
}

struct CloseConnection {
  void operator()(WT_CONNECTION* connection) const { connection->close(connection, nullptr); }
};
using Connection = std::unique_ptr<WT_CONNECTION, CloseConnection>;

class WiredTiger final : public Peer {
 public:
  explicit WiredTiger(Connection connection) : connection_(std::move(connection)) {}

  Status put(std::uint64_t key, ByteView value) override {
    const Desk desk = FORELOG_TRY(take_desk());
    Status status = insert(desk, key, value);  // A transaction of its own.
    give_back(desk);
    return status;
  }

  Status put_batch(std::uint64_t first_key, std::uint64_t count, ByteView value) override {
    const Desk desk = FORELOG_TRY(take_desk());
    const auto put_all = [&]() -> Status {
      FORELOG_TRY(check(desk.session->begin_transaction(desk.session, nullptr)));
      for (std::uint64_t key = first_key; key < first_key + count; ++key) {
        FORELOG_TRY(insert(desk, key, value));
      }
      return check(desk.session->commit_transaction(desk.session, nullptr));
    };
    Status status = put_all();
    give_back(desk);
    return status;
  }

 private:
  struct Desk {  // Closed with the connection.
    WT_SESSION* session = nullptr;
    WT_CURSOR* cursor = nullptr;
  };

  static Status insert(const Desk& desk, std::uint64_t key, ByteView value) {
    WT_ITEM item{};
    item.data = value.data();
    item.size = value.size();
    desk.cursor->set_key(desk.cursor, key);
    desk.cursor->set_value(desk.cursor, &item);
    return check(desk.cursor->insert(desk.cursor));
  }

  Result<Desk> take_desk() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        const Desk desk = free_.back();
        free_.pop_back();
        return desk;
      }
    }
    Desk desk;
    FORELOG_TRY(
        check(connection_->open_session(connection_.get(), nullptr, nullptr, &desk.session)));
    FORELOG_TRY(check(
        desk.session->open_cursor(desk.session, "table:log", nullptr, nullptr, &desk.cursor)));
    return desk;
  }
  void give_back(const Desk& desk) {
    const std::lock_guard lock(mutex_);
    free_.push_back(desk);
  }

  Connection connection_;
  std::mutex mutex_;
  std::vector<Desk> free_;
};

Result<std::unique_ptr<Peer>> open_wiredtiger(const std::filesystem::path& dir,
                                              const PeerOptions& wanted) {
  std::filesystem::create_directory(dir);
  const char* sync = "enabled=true,method=fsync";
  if (wanted.level == Durability::written) sync = "enabled=true,method=none";
  if (wanted.level == Durability::buffered) sync = "enabled=false";
  const std::string config =
      "create,session_max=256,log=(enabled=true),transaction_sync=(" + std::string(sync) + ")";
  WT_CONNECTION* opened = nullptr;
  FORELOG_TRY(check(wiredtiger_open(dir.c_str(), nullptr, config.c_str(), &opened)));
  Connection connection(opened);
  WT_SESSION* session = nullptr;
  FORELOG_TRY(check(connection->open_session(connection.get(), nullptr, nullptr, &session)));
  FORELOG_TRY(check(session->create(session, "table:log", "key_format=Q,value_format=u")));
  FORELOG_TRY(check(session->close(session, nullptr)));
  return std::unique_ptr<Peer>(std::make_unique<WiredTiger>(std::move(connection)));
}

}  // namespace

std::vector<PeerKind> wiredtiger_kinds() { return {{"WiredTiger", open_wiredtiger, true, false}}; }

}  // namespace forelog::bench

#else

namespace forelog::bench {

std::vector<PeerKind> wiredtiger_kinds() { return {}; }

}  // namespace forelog::bench

#endif
