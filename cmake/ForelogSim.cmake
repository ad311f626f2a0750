# The simulator: the library compiled once more, with its threads, its clock and its deliberate
# faults in the hands of sim/ (src/base/simulation.h). Nothing of it is installed.
file(GLOB sim_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/sim/*.cc")
add_executable(forelog_sim ${sim_sources} ${library_sources})
target_compile_features(forelog_sim PRIVATE cxx_std_20)
target_compile_definitions(forelog_sim PRIVATE FORELOG_SIMULATED)
target_include_directories(forelog_sim PRIVATE "${PROJECT_SOURCE_DIR}/include"
                                               "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
target_include_directories(forelog_sim SYSTEM PRIVATE "${FORELOG_XXHASH_INCLUDE_DIR}")
target_link_libraries(forelog_sim PRIVATE Threads::Threads)
set_target_properties(forelog_sim PROPERTIES CXX_EXTENSIONS OFF)
forelog_flags(forelog_sim)
target_compile_options(forelog_sim PRIVATE -O2)

# What runs with the tests: the seeds that once failed, a fixed number of worlds, and each deliberate
# fault until it is caught. `make check-sim` runs for longer, `make soak` for hours.
add_test(NAME sim.seeds COMMAND forelog_sim --corpus "${PROJECT_SOURCE_DIR}/sim/seeds.txt")
add_test(NAME sim.worlds COMMAND forelog_sim --kind log --count 5000)
add_test(NAME sim.state_worlds COMMAND forelog_sim --kind state --count 3000)
add_test(NAME sim.kv_worlds COMMAND forelog_sim --kind kv --count 3000)
add_test(NAME sim.intents_worlds COMMAND forelog_sim --kind intents --count 3000)
add_test(NAME sim.decide_worlds COMMAND forelog_sim --kind decide --count 3000)
set(sim_mistakes
  skip_sync acknowledge_before_sync skip_rotation_sync skip_birth_directory_sync
  skip_open_directory_sync go_on_after_failed_sync trust_cached_tail cut_at_rot call_torn_rot
  pass_over_empty_damage unbound_checksums write_over_torn_tail trim_without_mark show_unsynced
  forget_to_wake lose_call_to_lead
  apply_before_durable apply_out_of_order apply_past_failure forget_abandoned
  strand_behind_abandoned snapshot_before_sync snapshot_of_later_lsn publish_before_sync
  skip_snapshot_directory_sync trim_before_publish trim_too_far trust_damaged_snapshot
  show_later_writes drop_viewed split_batch require_unseen turn_clock_back
  run_before_begun key_by_attempt skip_in_doubt decide_before_prepared forget_prepared)
foreach(mistake IN LISTS sim_mistakes)
  add_test(NAME sim.mistake.${mistake}
    COMMAND "${PROJECT_SOURCE_DIR}/sim/catch-mistake" $<TARGET_FILE:forelog_sim> ${mistake} 240)
endforeach()
get_property(sim_tests DIRECTORY PROPERTY TESTS)
set_tests_properties(${sim_tests} PROPERTIES TIMEOUT 300)
