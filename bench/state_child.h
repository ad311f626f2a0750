// What states-* ask of processes of their own (child.h): to update a state while a checkpoint is made,
// to be killed, and to bring a state back.
//
// Threading: main thread.
#pragma once

#include <functional>

#include <nlohmann/json.hpp>

#include "child.h"
#include "forelog/status.h"

namespace forelog::bench {

// ChildTask::log is the directory of the state; ChildTask::state has the rest:
//   state-pause  eight callers update a state of ChildTask::bytes for "seconds", and then for as long as a
//                checkpoint takes. "kind": as open_state() knows it; or "log", which keeps no
//                state: as many bytes are written into a file beside the log, as the kernel likes,
//                and "log, direct", around the page cache. "bytes_per_second_max": as in SnapshotOptions
//   state-grow   opens a state of "kind"; if "fill", gives it its "entries"; makes "updates" of them, in no
//                order, which wait for nothing but the last one for all; if "checkpoint", makes one; tells
//                how long each took, and kills itself with SIGKILL. "reopen_within_ms": as in
//                CheckpointPolicy; 0: no snapshot is made unasked
//   state-open   opens what such a process has left, and tells how long that took, and what of
// `answer` is for those that do not return.
Result<nlohmann::ordered_json> run_state_child(
    const ChildTask& task, const std::function<void(nlohmann::ordered_json)>& answer);

}  // namespace forelog::bench
