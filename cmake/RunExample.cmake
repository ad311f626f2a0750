# Runs EXAMPLE in the empty directory DIR, with a directory for its log as the argument. It prints what its
# SOURCE says in lines that begin with "// > ", where there are any.
file(REMOVE_RECURSE "${DIR}")
file(MAKE_DIRECTORY "${DIR}")
execute_process(COMMAND "${EXAMPLE}" "${DIR}/log" WORKING_DIRECTORY "${DIR}"
                RESULT_VARIABLE result OUTPUT_VARIABLE printed)
message("${printed}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${EXAMPLE}: ${result}")
endif()
file(STRINGS "${SOURCE}" lines REGEX "^// > ")
list(TRANSFORM lines REPLACE "^// > " "")
list(JOIN lines "\n" expected)
if(lines AND NOT printed STREQUAL "${expected}\n")
  message(FATAL_ERROR "${EXAMPLE} was to print:\n${expected}")
endif()
