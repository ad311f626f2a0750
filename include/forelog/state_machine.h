// StateMachine: your state, as Forelog sees it: commands from a log go in, in order; all of it can be
// written out and read back. Sink and Source are the two ends of that. Who calls them: recover() and
// checkpoint() of snapshot.h, and Durable of durable.h. Implements docs/snapshots.md.
//
// Threading: Forelog calls apply and load from one thread at a time, never beside save or freeze,
// unless independent_keys() says otherwise for apply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "forelog/bytes.h"
#include "forelog/export.h"
#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog {

// Where a state is written to. After an error every later write returns it again.
class FORELOG_EXPORT Sink {
 public:
  virtual ~Sink() = default;
  virtual Status write(ByteView bytes) = 0;
};

// What a state is read from. Every byte that it hands out has been verified.
class FORELOG_EXPORT Source {
 public:
  virtual ~Source() = default;
  // Fills `to`, but for the end: fewer bytes only there, 0 behind it.
  virtual Result<std::size_t> read(std::span<std::byte> to) = 0;
  // Fills `to`, or returns `corrupt`: the state ends before what it must hold.
  Status read_exactly(std::span<std::byte> to);
};

// What one of these throws is as if it had returned an error (`cancelled`, or no_space for bad_alloc).
class FORELOG_EXPORT StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Takes one command. Deterministic: no clock, no dice, no I/O; what it needs of these is in the
  // command. The same commands in the same order give the same state, today and at every replay.
  // An error stops everything behind it, now and at each reopening: it is for a command that this
  // program cannot understand, never for one that it merely refuses. A refusal is a result.
  virtual Status apply(Lsn lsn, ByteView command) = 0;

  // Writes all of the state. Returns the first error of `out`.
  virtual Status save(Sink& out) const = 0;
  // Replaces all of the state, whatever it held, be it what an earlier load left that failed.
  virtual Status load(Source& in) = 0;

  // The state as it is now, for save to write later, while apply goes on with the live one: a copy, or
  // a version that the two share until one of them changes. Called between two commands, which wait
  // meanwhile. Null: there is none, and Durable builds a second state from the log instead.
  class FORELOG_EXPORT Image {
   public:
    virtual ~Image() = default;
    virtual Status save(Sink& out) const = 0;  // From another thread than apply's.
  };
  virtual std::unique_ptr<Image> freeze() const { return nullptr; }

  // True: commands with different keys may be applied in any order, and from several threads at once.
  // Only replay makes use of it.
  virtual bool independent_keys() const { return false; }
  // A number for what a command touches; equal ones stay in order. Nullopt: it touches everything, and
  // is applied alone, behind all before it. Only asked where independent_keys(), from one thread,
  // beside apply.
  virtual std::optional<std::uint64_t> key_of(ByteView /*command*/) const { return std::nullopt; }
};

}  // namespace forelog
