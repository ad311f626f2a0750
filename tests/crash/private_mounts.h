// Mounts that nobody else sees and that cannot be left behind: the process gets a mount namespace of
// its own, whose mounts the kernel takes down when the process and its children have ended, however
// they ended. Root has the right to that; others have it where user namespaces are allowed.
//
// Threading: private_mounts() is called first while the process has one thread only.
#pragma once

#include <filesystem>

#include "forelog/status.h"

namespace forelog::crash_test {

// Moves this process, and those that it starts from now on, to a namespace of its own; the second
// call and later ones only repeat the answer of the first. An error says why there is none: a
// reason to skip a test.
Status private_mounts();

// Takes down what is mounted at `path`, in use or not.
Status unmount(const std::filesystem::path& path);

}  // namespace forelog::crash_test
