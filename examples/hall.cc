// The program of docs/snapshots.md: a hall whose seats can be booked once. A command is "SEAT NAME".
#include <forelog/forelog.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

using forelog::ByteView, forelog::Lsn, forelog::Result, forelog::Sink, forelog::Source,
    forelog::Status;

using Seats = std::map<int, std::string>;

Status save_seats(const Seats& seats, Sink& out) {
  for (const auto& [seat, name] : seats) {
    FORELOG_TRY(out.write(std::to_string(seat) + " " + name + "\n"));
  }
  return {};
}

class Hall final : public forelog::StateMachine {
 public:
  Status apply(Lsn, ByteView command) override {
    const auto booking = parse(std::string(command.text()));
    if (!booking) return {forelog::Code::unsupported, "not a booking: SEAT NAME"};
    booked_ = !seats_->contains(booking->first);
    if (booked_) changeable().insert(*booking);
    return {};  // To refuse a command is to have applied it.
  }

  Status save(Sink& out) const override { return save_seats(*seats_, out); }

  // Needs memory for a part and a line, however large the snapshot is.
  Status load(Source& in) override {
    auto seats = std::make_shared<Seats>();
    std::string lines, part(4096, '\0');
    while (const auto bytes = FORELOG_TRY(in.read(std::as_writable_bytes(std::span(part))))) {
      lines.append(part, 0, bytes);
      std::size_t begin = 0;
      for (std::size_t end; (end = lines.find('\n', begin)) != std::string::npos; begin = end + 1) {
        const auto booking = parse(lines.substr(begin, end - begin));
        if (!booking) return {forelog::Code::corrupt, "not a booking: " + lines};
        seats->insert(*booking);
      }
      lines.erase(0, begin);
    }
    seats_ = std::move(seats);
    shared_ = false;
    return {};
  }

  // Costs a pointer. The first booking behind it copies the seats, and the image keeps the old ones.
  std::unique_ptr<Image> freeze() const override {
    shared_ = true;
    return std::make_unique<Frozen>(seats_);
  }

  bool booked() const { return booked_; }  // What became of the last command.
  std::size_t taken() const { return seats_->size(); }

 private:
  class Frozen final : public Image {
   public:
    explicit Frozen(std::shared_ptr<const Seats> seats) : seats_(std::move(seats)) {}
    Status save(Sink& out) const override { return save_seats(*seats_, out); }

   private:
    std::shared_ptr<const Seats> seats_;
  };

  static std::optional<Seats::value_type> parse(const std::string& line) {
    std::istringstream words(line);
    int seat = 0;
    std::string name;
    if (!(words >> seat >> name)) return std::nullopt;
    return Seats::value_type(seat, name);
  }
  Seats& changeable() {
    if (shared_) seats_ = std::make_shared<Seats>(*seats_);
    shared_ = false;
    return *seats_;
  }

  std::shared_ptr<Seats> seats_ = std::make_shared<Seats>();
  mutable bool shared_ =
      false;  // With an image, which may be being saved. Only set between commands.
  bool booked_ = false;
};

// Whether the seat was still free is known when the command is applied, behind all before it.
Result<bool> book(forelog::Durable<Hall>& hall, int seat, const std::string& name) {
  bool booked = false;
  FORELOG_TRY(hall.update_then(std::to_string(seat) + " " + name,
                               [&](const Hall& now) { booked = now.booked(); }));
  return booked;
}

Status run(const char* dir) {
  forelog::DurableOptions options;
  options.snapshots.kind = "example.hall";  // No other state is loaded by mistake.
  auto hall = FORELOG_TRY(forelog::Durable<Hall>::open(dir, options));
  for (const char* name : {"alice", "bob"}) {
    const bool booked = FORELOG_TRY(book(hall, 17, name));
    std::printf("17 for %s: %s\n", name, booked ? "booked" : "taken");
  }
  FORELOG_TRY(hall.checkpoint());
  FORELOG_TRY(book(hall, 18, "bob"));
  FORELOG_TRY(hall.close());

  hall = FORELOG_TRY(forelog::Durable<Hall>::open(dir, options));
  std::printf("snapshot of LSN %llu, %llu replayed, %zu seats are taken\n",
              static_cast<unsigned long long>(hall.recovered().snapshot.value),
              static_cast<unsigned long long>(hall.recovered().records),
              hall.read([](const Hall& now) { return now.taken(); }));
  return hall.close();
}

int main(int argc, char** argv) {
  const Status status = run(argc > 1 ? argv[1] : "hall-data");
  if (!status)
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()),
                 status.message().data());
  return status ? 0 : 1;
}

// Prints, in an empty directory:
// > 17 for alice: booked
// > 17 for bob: taken
// > snapshot of LSN 2, 1 replayed, 2 seats are taken
