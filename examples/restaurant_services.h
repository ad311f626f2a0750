// The world outside the restaurant: services that can be asked twice and act once. Each keeps what it
// was asked in a log of its own, by the key that it was asked with.
#pragma once

#include <forelog/forelog.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>

class Service {
 public:
  static forelog::Result<Service> open(const std::filesystem::path& dir) {
    Service service(FORELOG_TRY(forelog::Log::open(dir)));
    forelog::Cursor records = service.log_.read();
    while (const auto record = FORELOG_TRY(records.next())) {
      const std::string text(record->payload.text());
      const std::size_t space = text.find(' ');
      service.acts_->emplace(text.substr(0, space), text.substr(space + 1));
    }
    return service;
  }

  // Does `what` once for each key, however often it is asked; durable on return.
  forelog::Status act(const std::string& key, const std::string& what) {
    const std::lock_guard lock(*mutex_);
    if (acts_->contains(key)) return {};
    FORELOG_TRY(log_.commit(key + " " + what));
    acts_->emplace(key, what);
    return {};
  }
  // Undoes, under `key`, what was done under `done`, if it was.
  forelog::Status undo(const std::string& done, const std::string& key, const std::string& what) {
    {
      const std::lock_guard lock(*mutex_);
      if (!acts_->contains(done)) return {};
    }
    return act(key, what);
  }

  // How often it did `what`.
  int count(const std::string& what) const {
    int count = 0;
    for (const auto& [key, act] : *acts_) count += act == what ? 1 : 0;
    return count;
  }

 private:
  explicit Service(forelog::Log log) : log_(std::move(log)) {}

  forelog::Log log_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  std::unique_ptr<std::map<std::string, std::string>> acts_ =
      std::make_unique<std::map<std::string, std::string>>();
};
