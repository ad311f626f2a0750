# Runs EXAMPLE in the empty directory DIR, with a directory for its log as the argument.
file(REMOVE_RECURSE "${DIR}")
file(MAKE_DIRECTORY "${DIR}")
execute_process(COMMAND "${EXAMPLE}" "${DIR}/log" WORKING_DIRECTORY "${DIR}" RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${EXAMPLE}: ${result}")
endif()
