// Marks what the shared library exports. Everything else in it is hidden, so that a program may
// hold two libraries that both embed Forelog without their internals meeting.
#pragma once

#define FORELOG_EXPORT [[gnu::visibility("default")]]
