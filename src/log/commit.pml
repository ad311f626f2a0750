/* Group commit, as commit.cc does it, for the model checker spin: `make check-model`.
 *
 * Threads append a record each and wait until it is synced; they lead syncs themselves. Another one
 * has a deadline and follows. A rotation syncs a part of what was appended at any moment. Over every
 * interleaving: nobody sleeps for ever, one sync is under way at a time, and who returns has its
 * record synced, or was told that a sync failed. Any sync may fail; then no further one begins.
 *
 * What is done with the mutex held is one atomic step. A thread falls asleep in the same step in which
 * it reads the crowd's word: whoever changes the word later wakes it, or finds it on its way to sleep,
 * which then fails. Waking one wakes any one: the worst choice is among them.
 *
 * -DLOSE_CALL and -DFOLLOW_IN_CROWD are mistakes that were made; with either spin finds a sleeper that
 * nobody wakes.
 */
#define LEADERS 3
#define THREADS 4 /* The last one follows. */
#define NOBODY 9

byte appended, synced;
bool syncing;
byte cycle;  /* Of the sync under way, or the last one. */
bool target_set;
byte target;
byte count[2];          /* Of the crowds, by parity of the cycle. */
byte crowd[THREADS];    /* Where each sleeps: 0 or 1, 2 for followers, NOBODY for awake. */
bool working;           /* A sync_data() is under way. */
bool failed;            /* One has failed: the log is closed to writes. */

inline wake_all(which) {
  for (i : 0 .. THREADS - 1) {
    if
    :: crowd[i] == which -> crowd[i] = NOBODY
    :: else
    fi
  }
}

inline wake_one(which) {
  if
  :: crowd[0] == which -> crowd[0] = NOBODY
  :: crowd[1] == which -> crowd[1] = NOBODY
  :: crowd[2] == which -> crowd[2] = NOBODY
  :: crowd[3] == which -> crowd[3] = NOBODY
  :: crowd[0] != which && crowd[1] != which && crowd[2] != which && crowd[3] != which
  fi
}

/* Everybody is told. */
inline fail() {
  failed = true;
  wake_all(0);
  wake_all(1);
  wake_all(2)
}

inline call_leader() {
  if
  :: count[(cycle + 1) % 2] > 0 -> wake_one((cycle + 1) % 2)
  :: else
  fi
}

/* Joins the crowd of the cycle that will cover the record; own_cycle tells which. */
inline join_crowd() {
  own_cycle = (!target_set || lsn <= target -> cycle : cycle + 1);
  count[own_cycle % 2]++;
  crowd[me] = own_cycle % 2
}

inline leave_crowd() {
  ended = own_cycle < cycle || (own_cycle == cycle && !syncing);
  if
  :: !ended -> count[own_cycle % 2]--
  :: else
  fi
}

proctype Leader(byte me) {
  byte lsn, own_cycle, i;
  bool called, ended;
  atomic { appended++; lsn = appended }
look:
  atomic {
    if
    :: synced >= lsn ->
       if
#ifndef LOSE_CALL
       :: called && !syncing -> call_leader()
#endif
       :: else
       fi;
       goto done
    :: synced < lsn && failed -> goto done
    :: synced < lsn && !failed && syncing -> join_crowd()
    :: synced < lsn && !failed && !syncing ->
       called = false;
       syncing = true;
       cycle++;
       target_set = false;
       goto lead
    fi
  }
  if
  :: atomic { /* Without the lock. */
       crowd[me] == NOBODY && synced >= lsn &&
       (own_cycle < cycle || (own_cycle == cycle && !syncing)) -> goto done
     }
  :: atomic { crowd[me] == NOBODY -> leave_crowd(); called = !ended && !syncing; goto look }
  fi;
lead:
  /* Others append meanwhile: it gathers, or waits for the write role. */
  atomic {
    !working || failed ->
    if
    :: failed -> goto led
    :: else -> target = appended; target_set = true; working = true
    fi
  }
  atomic {
    working = false;
    if
    :: fail()
    :: synced < target -> synced = target
    :: synced >= target
    fi
  }
led:
  atomic {
    assert(synced >= lsn || failed);
    syncing = false;
    i = 0;
    count[cycle % 2] = 0;
    wake_all(cycle % 2);
    call_leader();
    wake_all(2);
    goto look
  }
done:
  skip
}

proctype Follower(byte me) {
  byte lsn, own_cycle;
  bool ended;
  atomic { appended++; lsn = appended }
  do
  :: synced >= lsn || failed -> break
  :: atomic {
       synced < lsn && !failed ->
#ifdef FOLLOW_IN_CROWD
       if
       :: syncing -> join_crowd()
       :: else -> own_cycle = cycle + 1; count[own_cycle % 2]++; crowd[me] = own_cycle % 2
       fi
#else
       crowd[me] = 2
#endif
     }
     if
     :: atomic { crowd[me] == NOBODY -> skip }
#ifdef FOLLOW_IN_CROWD
        atomic { leave_crowd() }
#endif
     :: atomic { crowd[me] != NOBODY -> crowd[me] = NOBODY } /* The deadline. */
#ifdef FOLLOW_IN_CROWD
        atomic { leave_crowd() }
#endif
        break
     fi
  od
}

/* The one sync at a time is its too. What it covers is any part of what was appended. */
proctype Rotation() {
  byte last;
  byte i;
  atomic {
    !working || failed ->
    if
    :: failed -> goto done
    :: else -> working = true; select (last : 0 .. THREADS)
    fi
  }
  atomic {
    working = false;
    if
    :: last > appended -> last = appended
    :: else
    fi;
    if
    :: fail()
    :: synced < last -> synced = last
    :: synced >= last
    fi
  }
done:
  skip
}

init {
  byte i;
  atomic {
    for (i : 0 .. THREADS - 1) { crowd[i] = NOBODY }
    run Leader(0);
    run Leader(1);
    run Leader(2);
    run Follower(3);
    run Rotation()
  }
}
