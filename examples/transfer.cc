// The second program of docs/intents.md: money that goes from one log to another, or stays.
// A command is "NAME AMOUNT".
#include <forelog/forelog.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

using forelog::ByteView, forelog::Lsn, forelog::Sink, forelog::Source, forelog::Status;

class Accounts final : public forelog::TransactionalState {
 public:
  std::vector<std::string> keys_of(ByteView command) const override {
    return {parse(command).name};
  }
  // Once it said yes, nothing touches the account until it is decided, and apply must do it.
  Status check(ByteView command) const override {
    const Change change = parse(command);
    if (balance(change.name) + change.amount >= 0) return {};
    return {forelog::Code::invalid_argument, change.name + " has not as much"};
  }
  Status apply(Lsn, ByteView command) override {
    if (!check(command)) return {};  // By update(), which does not ask before.
    const Change change = parse(command);
    accounts_[change.name] += change.amount;
    return {};
  }
  Status save(Sink& out) const override {
    std::string text;
    for (const auto& [name, amount] : accounts_) text += name + " " + std::to_string(amount) + "\n";
    return out.write(text);
  }
  Status load(Source& in) override {
    accounts_.clear();
    std::string text, part(4096, '\0');
    while (const auto bytes = FORELOG_TRY(in.read(std::as_writable_bytes(std::span(part))))) {
      text.append(part, 0, bytes);
    }
    std::istringstream words(text);
    for (std::string name; words >> name;) words >> accounts_[name];
    return {};
  }
  long balance(const std::string& name) const {
    const auto account = accounts_.find(name);
    return account == accounts_.end() ? 0 : account->second;
  }

 private:
  struct Change {
    std::string name;
    long amount = 0;
  };
  static Change parse(ByteView command) {
    Change change;
    std::istringstream(std::string(command.text())) >> change.name >> change.amount;
    return change;
  }
  std::map<std::string, long> accounts_;
};

using Bank = forelog::LogParticipant<Accounts>;

long balance(const Bank& bank, const std::string& name) {
  long amount = 0;
  bank.read([&](const Accounts& now) { amount = now.balance(name); });
  return amount;
}

Status run(const std::filesystem::path& dir) {
  // The participants outlive the coordinator, which asks them from its threads.
  Bank north = FORELOG_TRY(Bank::open(dir / "north"));
  Bank south = FORELOG_TRY(Bank::open(dir / "south"));
  auto coordinator = FORELOG_TRY(
      forelog::Coordinator::open(dir / "decisions", {{"north", &north}, {"south", &south}}));

  FORELOG_TRY(north.update("alice 500"));
  for (const char* amount : {"200", "900"}) {
    const auto decision = FORELOG_TRY(coordinator.decide(
        {{"north", std::string("alice -") + amount}, {"south", std::string("bob ") + amount}}));
    std::printf("%s: %s\n", amount, std::string(to_string(decision)).c_str());
  }
  std::printf("alice has %ld, bob has %ld\n", balance(north, "alice"), balance(south, "bob"));

  FORELOG_TRY(coordinator.close());
  FORELOG_TRY(north.close());
  return south.close();
}

int main(int argc, char** argv) {
  const std::filesystem::path dir = argc > 1 ? argv[1] : "transfer-data";
  std::error_code failed;
  std::filesystem::create_directories(dir, failed);  // open() makes one level.
  const Status status = run(dir);
  if (!status)
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()),
                 status.message().data());
  return status ? 0 : 1;
}

// Prints, in an empty directory:
// > 200: committed
// > 900: aborted
// > alice has 300, bob has 200
