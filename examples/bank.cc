// The second program of README.md: accounts that survive. A command is "FROM TO AMOUNT".
#include <forelog/forelog.h>

#include <cstdio>
#include <map>
#include <sstream>
#include <string>

using forelog::ByteView, forelog::Lsn, forelog::Sink, forelog::Source, forelog::Status;

class Bank final : public forelog::StateMachine {
 public:
  // Deterministic: no clock, no dice, no I/O. A refusal is a result like any other, not an error.
  Status apply(Lsn, ByteView command) override {
    std::istringstream words{std::string(command.text())};
    std::string from, to;
    long amount = 0;
    if (!(words >> from >> to >> amount)) return {forelog::Code::unsupported, "not a transfer"};
    refused_ = from != "mint" && accounts_[from] < amount;
    if (refused_) return {};
    accounts_[from] -= amount;
    accounts_[to] += amount;
    return {};
  }
  Status save(Sink& out) const override {
    std::string text;
    for (const auto& [name, balance] : accounts_)
      text += name + " " + std::to_string(balance) + "\n";
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
  bool refused() const { return refused_; }  // What became of the last command.

 private:
  std::map<std::string, long> accounts_;
  bool refused_ = false;
};

Status run(const char* dir) {
  // Loads the newest snapshot and replays what came behind it; afterwards snapshots are made so that
  // reopening stays within five seconds.
  auto bank = FORELOG_TRY(forelog::Durable<Bank>::open(dir));

  // On return the command is on the disk, and applied.
  FORELOG_TRY(bank.update("mint alice 500"));
  FORELOG_TRY(bank.update("alice bob 200"));

  // What became of this very command, before the next one is applied.
  bool refused = false;
  FORELOG_TRY(bank.update_then("bob carol 900", [&](const Bank& now) { refused = now.refused(); }));

  const long bob = bank.read([](const Bank& now) { return now.balance("bob"); });
  std::printf("bob has %ld; 900 to carol was %s\n", bob, refused ? "refused" : "paid");
  return bank.close();
}

int main(int argc, char** argv) {
  const Status status = run(argc > 1 ? argv[1] : "bank-data");
  if (!status)
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()),
                 status.message().data());
  return status ? 0 : 1;
}
