// Marks what the shared library exports. Everything else in it is hidden, so that a program may
// hold two libraries that both embed Forelog without their internals meeting. And the language that
// all headers are written in.
#pragma once

#if __cplusplus < 202002L
#error "Forelog needs C++20: compile with -std=c++20, or later"
#endif

#define FORELOG_EXPORT [[gnu::visibility("default")]]

// For types nested in an exported class that are no business of its users.
#define FORELOG_HIDDEN [[gnu::visibility("hidden")]]
