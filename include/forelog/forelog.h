// The whole public API. Start with log.h.
#pragma once

#include "forelog/await.h"
#include "forelog/batch.h"
#include "forelog/bytes.h"
#include "forelog/check.h"
#include "forelog/cursor.h"
#include "forelog/fault_file_system.h"
#include "forelog/file_system.h"
#include "forelog/log.h"
#include "forelog/lsn.h"
#include "forelog/maintain.h"
#include "forelog/memory_file_system.h"
#include "forelog/options.h"
#include "forelog/report.h"
#include "forelog/status.h"
#include "forelog/try.h"
#include "forelog/version.h"
