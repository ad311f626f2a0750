// The program of README.md: a log, a batch, a read and a clean close.
#include <forelog/forelog.h>

#include <cstdio>

using forelog::Durability, forelog::Log, forelog::Status;

Status run(const char* dir) {
  // The tail that a crash left behind is repaired when this returns; recovery() tells.
  Log log = FORELOG_TRY(Log::open(dir));

  // append orders a record and gives it its LSN; wait waits for exactly the safety you need.
  const forelog::Lsn lsn = FORELOG_TRY(log.append("alice +500"));
  FORELOG_TRY(log.wait(lsn, Durability::synced));

  // A batch survives a crash whole or not at all. commit = append + wait.
  forelog::Batch transfer;
  transfer.add("alice -200").add("bob +200");
  FORELOG_TRY(log.commit(transfer));

  // An error leaves the function, the end leaves the loop.
  forelog::Cursor records = log.read();
  while (const auto record = FORELOG_TRY(records.next())) {
    std::printf("%llu %.*s\n", static_cast<unsigned long long>(record->lsn.value),
                static_cast<int>(record->payload.size()), record->payload.text().data());
  }
  return log.close();  // Reports what a destructor cannot.
}

int main(int argc, char** argv) {
  const Status status = run(argc > 1 ? argv[1] : "ledger-data");
  if (!status)
    std::fprintf(stderr, "%.*s\n", int(status.message().size()), status.message().data());
  return status ? 0 : 1;
}
