// The program of docs/kv.md: keys and values that survive.
#include <forelog/forelog.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

using forelog::Durability, forelog::Kv, forelog::KvValue, forelog::Lsn, forelog::Status;

// Reads, decides, and writes if nobody else wrote meanwhile; else again.
Status take_one(Kv& store, const std::string& key) {
  for (;;) {
    const std::optional<KvValue> stock = FORELOG_TRY(store.get(key));
    if (!stock || stock->value == "0") return {forelog::Code::not_found, key + " is sold out"};
    const std::string less = std::to_string(std::stoi(stock->value) - 1);
    const auto outcome = FORELOG_TRY(store.compare_and_set(key, stock->version, less));
    if (outcome.applied) return {};
  }
}

// All of it or nothing, and only while nobody has an order of that number.
Status order(Kv& store, const std::string& number, const std::string& what) {
  forelog::KvBatch batch;
  batch.require("order/" + number, Lsn{});  // Lsn{}: absent.
  batch.put("order/" + number, what).put("open/" + number, "");
  const auto outcome = FORELOG_TRY(store.write(batch));
  std::printf("order %s: %s\n", number.c_str(), outcome.applied ? "taken" : "there already");
  return {};
}

// What is written meanwhile is not seen, and waits for no one.
Status print_orders(const Kv& store) {
  const forelog::KvView view = FORELOG_TRY(store.view());
  forelog::KvCursor orders =
      FORELOG_TRY(view.scan(forelog::KvRange::prefix("order/"), forelog::KvOrder::descending));
  while (const auto entry = FORELOG_TRY(orders.next())) {
    std::printf("%s: %s\n", std::string(entry->key.text()).c_str(),
                std::string(entry->value.text()).c_str());
  }
  return {};
}

Status run(const char* dir) {
  forelog::KvOptions options;
  options.key_bytes_max = 256;  // 4,096 unless it is said; what the program forelog writes: 65,535.
  Kv store = FORELOG_TRY(Kv::open(dir, options));

  FORELOG_TRY(store.put("stock/soup", "2"));  // On the disk when it returns.
  FORELOG_TRY(take_one(store, "stock/soup"));
  const auto soup = FORELOG_TRY(store.get("stock/soup"));
  std::printf("%s left\n", soup ? soup->value.c_str() : "none");

  FORELOG_TRY(order(store, "17", "soup"));
  FORELOG_TRY(order(store, "17", "pizza"));
  FORELOG_TRY(order(store, "18", "pizza"));
  FORELOG_TRY(print_orders(store));

  // Absent after half an hour, restarts or not.
  FORELOG_TRY(store.put("session/4", "alice", std::chrono::minutes(30)));

  // Many that are seen at once, and one sync for all of them.
  Lsn last;
  for (int i = 0; i < 100; ++i) {
    last = FORELOG_TRY(store.put("seen/" + std::to_string(i), "", {.level = Durability::buffered}));
  }
  FORELOG_TRY(store.wait(last, Durability::synced));

  FORELOG_TRY(store.checkpoint());  // One is made by itself, too, as it becomes worth it.
  return store.close();
}

int main(int argc, char** argv) {
  const Status status = run(argc > 1 ? argv[1] : "shop-data");
  if (!status)
    std::fprintf(stderr, "%.*s\n", static_cast<int>(status.message().size()),
                 status.message().data());
  return status ? 0 : 1;
}

// Prints, in an empty directory:
// > 1 left
// > order 17: taken
// > order 17: there already
// > order 18: taken
// > order/18: pizza
// > order/17: soup
