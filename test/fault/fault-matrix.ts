// Which faults dongbo is to survive, what must happen then, and which tests show it: the source of deploy/reference/faults.md. Numbers are
// those that tests name as `reliability <number>`.

/** A test that injects the fault: its file below test/, and words of its title. */
export type Proof = readonly [file: string, title: string];

export interface Fault {
  readonly number: number;
  readonly injected: string;
  readonly expected: string;
  readonly proofs: readonly Proof[];
  /** From the fault's end, or from the fault where it has none, until the copies were forward again, as it was measured. */
  readonly recovery?: string;
  /** What of it no test injects, and why. */
  readonly open?: string;
}

export interface FaultArea {
  readonly name: string;
  readonly faults: readonly Fault[];
}

const kill: Proof = ["e2e/kill.fault.test.ts", "killed at random and at every failpoint"];
const secondEngine: Proof = ["e2e/debezium-trouble.fault.test.ts", "a second engine stands by"];

export const faultMatrix: readonly FaultArea[] = [
  {
    name: "Process and ownership",
    faults: [
      {
        number: 1,
        injected: "SIGKILL at every failpoint of the engine",
        expected: "goes on from the checkpoint in the target; nothing lost, nothing twice",
        recovery: "8.8 s in a fleet, at worst 8.9",
        proofs: [
          kill,
          ["e2e/pairs.fault.test.ts", "under kills"],
          ["e2e/debezium-pairs.fault.test.ts", "shows only the master's own states"],
        ],
      },
      {
        number: 2,
        injected: "COMMIT sent, the connection cut before the answer",
        expected: "the checkpoint decides whether it took place; never done again blindly",
        proofs: [
          ["fault/target-commit-lost.fault.test.ts", "whose answer is cut off has taken place"],
          ["fault/target-commit-lost-mysql.fault.test.ts", "whose answer is cut off has taken place"],
        ],
      },
      {
        number: 3,
        injected: "an engine is stopped (SIGSTOP) until another has taken over, and woken",
        expected: "what it writes then is refused by the epoch",
        recovery: "8.6 s, at worst 8.6 (SIGSTOP); 8.5 s, at worst 9.1 (silent partition)",
        proofs: [
          secondEngine,
          ["conformance/change-target.ts", "a worker with an old epoch cannot commit"],
          ["integration/apply-session.pg.test.ts", "of a frozen worker is ended when another takes over"],
          ["integration/apply-session-mysql.mysql.test.ts", "of a frozen worker is ended when another takes over"],
          ["fleet/ownership.fleet.test.ts", "a worker that stood still is replaced, and writes nothing when it wakes up"],
          ["fleet/partition.fleet.test.ts", "a worker that is cut off from everything in silence is replaced"],
        ],
      },
      {
        number: 4,
        injected: "two processes on one stream",
        expected: "one epoch commits",
        proofs: [["conformance/change-target.ts", "the epoch rises each time it is taken"], secondEngine],
      },
      { number: 5, injected: "the event loop is blocked for a minute", expected: "as number 3", proofs: [secondEngine] },
      {
        number: 6,
        injected: "SIGTERM in the middle of a load and of a large transaction",
        expected: "ends in time and in order, the next one goes on",
        proofs: [
          ["e2e/lifecycle.pg.test.ts", "SIGTERM in the middle of a load"],
          ["e2e/debezium-trouble.fault.test.ts", "an engine that is told to stop does not wait for its group"],
        ],
      },
      {
        number: 7,
        injected: "memory runs out",
        expected: "as number 1; memory does not depend on the size of transactions and rows",
        proofs: [["e2e/giant.fault.test.ts", "within the memory goal"], kill],
        open: "a process that the kernel ends for its memory is not told apart from any other that is killed",
      },
      {
        number: 76,
        injected: "the control database is stopped, killed, cut off",
        expected: "streaming and gates go on, owners stay what they are, commands say why they cannot",
        recovery: "1.5 s, at worst 40.5",
        proofs: [
          ["fleet/control-away.fleet.test.ts", "sources are streamed, commands say why they cannot"],
          ["fleet/control-away.fleet.test.ts", "a worker that is cut off from the control database is replaced"],
        ],
      },
      {
        number: 8,
        injected: "another version takes over from a running one",
        expected: "epochs are handed over, checkpoints are read",
        proofs: [secondEngine],
        open: "there is one version so far",
      },
    ],
  },
  {
    name: "Redis and the queue of a fleet",
    faults: [
      {
        number: 9,
        injected: "Redis is killed, and comes back empty",
        expected: "streams and ownership do not notice; jobs wait",
        recovery: "0.01 s: nothing stands still",
        proofs: [
          ["fleet/jobs.fleet.test.ts", "again after Redis lost everything, was restarted, and was away"],
          ["fleet/takeover-times.fleet.test.ts", "the loss of Redis"],
        ],
      },
      {
        number: 10,
        injected: "Redis loses all that it held while it goes on",
        expected: "what is due is handed out again",
        recovery: "1.4 s, at worst 9.3",
        proofs: [["fleet/jobs.fleet.test.ts", "again after Redis lost everything, was restarted, and was away"]],
      },
      {
        number: 11,
        injected: "a Redis that throws keys away when its memory is full",
        expected: "refused",
        proofs: [["fleet/jobs.fleet.test.ts", "a Redis that throws data away is refused"]],
      },
      {
        number: 12,
        injected: "connections to Redis are cut again and again",
        expected: "streams and ownership do not notice; jobs go on when it is over",
        proofs: [["fleet/jobs.fleet.test.ts", "connections to Redis that are cut again and again hold up no stream"]],
      },
    ],
  },
  {
    name: "Network",
    faults: [
      {
        number: 13,
        injected: "the connection to the source is reset again and again",
        expected: "read again from the last acknowledged place",
        recovery: "1.2 s, at worst 30.1",
        proofs: [
          ["fault/capture-interrupted.fault.test.ts", "a connection that is cut on the way"],
          ["fault/binlog-interrupted.fault.test.ts", "a connection that is reset again and again"],
        ],
      },
      {
        number: 14,
        injected: "half-open connections, hanging servers",
        expected: "noticed by silence; an idle server is never taken for dead",
        recovery: "12.0 s, at worst 40.1",
        proofs: [
          ["fault/capture-half-open.fault.test.ts", "a half-open connection is noticed by silence"],
          ["fault/capture-half-open.fault.test.ts", "an idle stream of a live server is never taken for dead"],
          ["fault/target-half-open.fault.test.ts", "is given up, so that the subscription can try again"],
          ["fault/target-half-open.fault.test.ts", "is given up too when the network is there again"],
          ["fault/target-broken-mysql.fault.test.ts", "behind a dead network is given up"],
          ["fault/binlog-interrupted.fault.test.ts", "a server that stands still is noticed"],
          ["fault/read-half-open.fault.test.ts", "a read of "],
        ],
      },
      {
        number: 15,
        injected: "a line that holds everything for 300 ms",
        expected: "slower, and nothing else: no connection is given up",
        recovery: "1.1 s, at worst 2.0",
        proofs: [["e2e/slow-line.fault.test.ts", "delays a load and a stream, and breaks neither"]],
      },
      {
        number: 16,
        injected: "a source that comes and goes",
        expected: "pauses grow, with chance in them; no place is lost",
        recovery: "4.9 s, at worst 33.1",
        proofs: [
          ["fault/capture-interrupted.fault.test.ts", "killed, stopped and restarted again and again"],
          ["fault/binlog-interrupted.fault.test.ts", "killed, stopped and restarted again and again"],
          ["unit/concurrency/backoff.test.ts", "pauses double up to the limit"],
        ],
      },
      {
        number: 17,
        injected: "a name that does not resolve",
        expected: "a coded error, tried again",
        proofs: [["integration/postgres-client.pg.test.ts", "a name that does not resolve too"]],
      },
      {
        number: 18,
        injected: "a connection pooler in front of the server",
        expected: "refused with a clear text",
        proofs: [["integration/postgres-client.pg.test.ts", "a connection pooler is DB-PG-011"]],
      },
    ],
  },
  {
    name: "Target",
    faults: [
      {
        number: 19,
        injected: "kill -9 of the target in the middle of commits",
        expected: "each batch is there whole or not at all, as its checkpoint says",
        recovery: "3.1 s PostgreSQL, 1.7 s MariaDB, at worst 29.6",
        proofs: [
          ["fault/target-broken.fault.test.ts", "killed in the middle of commits"],
          ["fault/target-broken-mysql.fault.test.ts", "killed in the middle of commits"],
        ],
      },
      {
        number: 20,
        injected: "a target that takes nothing, or is slow",
        expected: "its queue goes to disk, past the bound it is parked; neighbours and master do not notice",
        proofs: [
          ["e2e/fanout.fault.test.ts", "a target that is down delays no other"],
          ["e2e/master-let-go.fault.test.ts", "past the bound the log is let go"],
          ["conformance/change-source.ts", "who does not ask for more holds up the source"],
        ],
      },
      {
        number: 21,
        injected: "a full disk of the target's tables",
        expected: "says so, sets no row aside, and takes the batch once there is room",
        proofs: [["fault/target-broken.fault.test.ts", "whose tablespace is full says so"]],
      },
      {
        number: 23,
        injected: "deadlocks and killed sessions at the target",
        expected: "the whole batch is written again",
        proofs: [
          ["fault/target-broken.fault.test.ts", "that lets us lose a deadlock"],
          ["fault/target-broken-mysql.fault.test.ts", "that lets us lose a deadlock"],
          ["fault/target-broken.fault.test.ts", "that ends our session"],
        ],
      },
      {
        number: 24,
        injected: "a target that turns read-only, or is set back to an older state",
        expected: "says so and waits; what it lost is streamed again, or the copy stops",
        proofs: [
          ["fault/target-broken.fault.test.ts", "that turns read-only says so"],
          ["e2e/bad-input.fault.test.ts", "a target that becomes read-only while rows stream"],
          ["integration/apply-session.pg.test.ts", "finds that the target was set back"],
          ["unit/pipeline/source-pipeline.test.ts", "streams anew what a target has lost"],
        ],
      },
      {
        number: 25,
        injected: "rows of the copy are edited behind the engine's back",
        expected: "reconciliation finds and mends exactly them",
        recovery: "1.4 s, at worst 9.1",
        proofs: [
          ["e2e/reconcile-live.fault.test.ts", "exactly what was damaged is found"],
          ["e2e/reconcile-live-mysql.fault.test.ts", "exactly what was damaged in copies of both families is found"],
          ["e2e/reconcile-repair.pg.test.ts", "repaired at once, and the next run is clean"],
        ],
      },
      {
        number: 26,
        injected: "a column of the copy is dropped by hand",
        expected: "stops with the column's name",
        proofs: [
          ["integration/apply-session.pg.test.ts", "whose column somebody has dropped: DB-TGT-018"],
          ["integration/apply-session-mysql.mysql.test.ts", "whose column somebody has dropped: DB-TGT-018"],
        ],
      },
    ],
  },
  {
    name: "Master: PostgreSQL",
    faults: [
      {
        number: 27,
        injected: "kill -9, restart and fast shutdown of the master",
        expected: "it gets its last acknowledgement; streaming goes on exactly",
        recovery: "0.9 s, at worst 1.7",
        proofs: [
          ["fault/capture-interrupted.fault.test.ts", "killed, stopped and restarted again and again"],
          ["integration/capture-stream.pg.test.ts", "waits for the last acknowledgement and gets it"],
        ],
      },
      {
        number: 28,
        injected: "the slot is dropped, also made again",
        expected: "a coded stop; never made again silently",
        proofs: [
          ["fault/capture-slot-lost.fault.test.ts", "a slot that was dropped is DB-SLOT-001"],
          ["fault/capture-slot-lost.fault.test.ts", "a slot that was dropped and made again is a gap"],
          ["e2e/bad-input.fault.test.ts", "a slot that is dropped"],
        ],
      },
      {
        number: 29,
        injected: "the slot is invalidated, its log removed",
        expected: "a coded stop with sizes",
        proofs: [
          ["fault/capture-slot-lost.fault.test.ts", "a slot whose log the server has removed is DB-SLOT-002"],
          ["e2e/source-trouble.fault.test.ts", "a slot that was invalidated is DB-SLOT-002"],
        ],
      },
      {
        number: 30,
        injected: "another server, a promoted standby or a restored backup under the address",
        expected: "told by identity and timeline: a coded stop",
        proofs: [
          ["fault/capture-slot-lost.fault.test.ts", "another server under the same address is DB-SLOT-004"],
          ["fault/capture-slot-lost.fault.test.ts", "a promoted standby or a restored backup has another timeline"],
        ],
        open: "slots that PostgreSQL 17 and later carry over to a standby are not gone on from: the timeline stops the source",
      },
      {
        number: 32,
        injected: "an idle database in a busy cluster",
        expected: "its position is confirmed, and the log is let go",
        proofs: [["integration/capture-stream.pg.test.ts", "an idle source with busy neighbours confirms its position"]],
      },
      {
        number: 33,
        injected: "a transaction that stays open",
        expected: "named, with its age; nothing hangs",
        proofs: [
          ["integration/capture-reservation.pg.test.ts", "a transaction that is open for long does not hang the reservation"],
          ["integration/snapshot.pg.test.ts", "names the table when such a transaction does not end"],
        ],
      },
      {
        number: 34,
        injected: "a transaction of a million rows",
        expected: "memory stays below its bound",
        proofs: [
          ["e2e/giant.fault.test.ts", "a transaction of a million rows"],
          ["integration/capture-binlog.mysql.test.ts", "a transaction of 300 MB takes no memory of its size"],
        ],
      },
      {
        number: 35,
        injected: "savepoints that are rolled back, prepared transactions",
        expected: "only what is committed arrives",
        proofs: [["integration/capture-stream.pg.test.ts", "a prepared transaction comes when it is committed"]],
      },
      {
        number: 36,
        injected: "long values that did not change",
        expected: "they stay what they are, or are read from the master",
        proofs: [
          ["e2e/data-types.pg.test.ts", "update of another column"],
          ["e2e/debezium-trouble.fault.test.ts", "long values that did not change are left as they are"],
        ],
      },
      {
        number: 37,
        injected: "a table whose old values are not logged any more",
        expected: "stops; check says what it lacks",
        proofs: [["e2e/changed-while-down.pg.test.ts", "a table whose old values are not logged any more"]],
      },
      {
        number: 39,
        injected: "keys that change, rows that move in and out of the filter",
        expected: "deleted and written in one transaction; nothing outside of the filter is ever seen",
        proofs: [
          ["e2e/disclosure.pg.test.ts", "also while rows move in and out"],
          ["e2e/disclosure.mysql.test.ts", "also while rows move in and out"],
          ["property/net-effect.test.ts", ""],
        ],
      },
      {
        number: 40,
        injected: "TRUNCATE",
        expected: "empties the copies of that table",
        recovery: "1.6 s, at worst 1.8",
        proofs: [
          ["conformance/change-target.ts", "truncate comes first, then deletes"],
          ["e2e/copies-change.mysql.test.ts", "TRUNCATE empties the copies and nothing else"],
        ],
      },
      {
        number: 41,
        injected: "partitions are attached, detached or truncated, of which nothing is logged",
        expected: "check warns; reconciliation finds the rows",
        proofs: [
          ["integration/preflight-source.pg.test.ts", "tells what partitions and children do not do"],
          ["e2e/reconcile.pg.test.ts", "of a partitioned master are compared and repaired"],
        ],
      },
      {
        number: 42,
        injected: "the publication is altered, a table dropped and made again",
        expected: "noticed, also while no engine runs: loaded again or stopped",
        proofs: [
          ["e2e/publication-altered.fault.test.ts", "while no engine runs"],
          ["e2e/schema-change.pg.test.ts", "a table that was dropped and made again stops its copies"],
          ["fault/capture-slot-lost.fault.test.ts", "a publication dropped under the stream"],
        ],
      },
      {
        number: 43,
        injected: "generated columns, partitions whose columns stand in another order",
        expected: "mapped by name, or refused",
        proofs: [
          ["integration/catalogue.pg.test.ts", "marks stored and virtual generated columns"],
          ["integration/publication.pg.test.ts", "publishes a partitioned table in its own name"],
        ],
      },
    ],
  },
  {
    name: "Master: MySQL and MariaDB",
    faults: [
      {
        number: 45,
        injected: "the log is purged past our position",
        expected: "a coded stop; a re-sync brings the copies back",
        proofs: [
          ["fault/binlog-lost.fault.test.ts", "a purged log is DB-SLOT-005"],
          ["e2e/mariadb-trouble.fault.test.ts", "a position that the log no longer has is a coded stop"],
        ],
      },
      {
        number: 46,
        injected: "row images and formats that lack values",
        expected: "refused, also when it changes under the stream",
        proofs: [["e2e/mariadb-trouble.fault.test.ts", "a log that stopped being as it must be is told"]],
      },
      {
        number: 47,
        injected: "compressed events, unknown events, damaged bytes",
        expected: "decoded, or a coded stop",
        proofs: [
          ["integration/capture-binlog.mysql.test.ts", "passes what is compressed"],
          ["golden/binlog.test.ts", "a damaged log is read, or is a coded stop"],
          ["unit/mysql/binlog-decoder.test.ts", "an unknown event that may be ignored is"],
        ],
        open: "compressed transactions of MySQL run only where a MySQL server is given (DONGBO_TEST_MYSQL_URL)",
      },
      {
        number: 49,
        injected: "engines without transactions, rolled back halfway",
        expected: "a coded stop",
        proofs: [
          ["unit/mysql/binlog-decoder.test.ts", "a rollback behind rows that were logged is a stop"],
          ["integration/capture-binlog.mysql.test.ts", "transactions of engines without transactions, come whole"],
        ],
      },
      {
        number: 50,
        injected: "another server that knows nothing of the position, an emptied log",
        expected: "DB-SLOT-004",
        proofs: [
          ["fault/binlog-lost.fault.test.ts", "a server that knows nothing of the position is DB-SLOT-004"],
          ["fault/binlog-lost.fault.test.ts", "a log that is emptied under a stream"],
        ],
      },
      {
        number: 51,
        injected: "a restart within a transaction",
        expected: "the transaction comes whole",
        proofs: [
          ["fault/binlog-interrupted.fault.test.ts", "a transaction that a crash has cut off in the log is read over"],
          ["conformance/change-source.ts", "streaming resumes exactly after any commit"],
        ],
      },
      {
        number: 52,
        injected: "DDL while the reader is behind",
        expected: "each row has the columns of its own time",
        proofs: [["integration/capture-binlog.mysql.test.ts", "columns added, dropped and changed in the middle of the stream"]],
      },
      {
        number: 53,
        injected: "ALTER in its variants, tables swapped by rename",
        expected: "what is not shared does not matter; what is shared stops its table",
        proofs: [
          ["e2e/copies-change.mysql.test.ts", "columns that are not shared are added, renamed"],
          ["e2e/copies-change.mysql.test.ts", "a table that is swapped by rename stops"],
        ],
      },
    ],
  },
  {
    name: "Kafka and Debezium",
    faults: [
      {
        number: 54,
        injected: "records that come twice, members that come and go",
        expected: "offsets lie in the target with the rows; nothing is set back",
        recovery: "2.8 s after a broker, 3.1 s after a Connect worker that was killed, at worst 5.3",
        proofs: [
          ["property/topic-stream.test.ts", ""],
          ["e2e/debezium-pairs.fault.test.ts", "in slices that engines share, sets no row back"],
          ["conformance/kafka-client.ts", "three members share four slices"],
        ],
      },
      {
        number: 55,
        injected: "partitions are added",
        expected: "read in order, or a coded stop",
        proofs: [
          ["unit/debezium/capture-stops.test.ts", "stops where partitions are added so that rows move"],
          ["unit/debezium/capture-stops.test.ts", "reads new partitions after what the old one held"],
        ],
      },
      {
        number: 56,
        injected: "tombstones",
        expected: "one alone is the delete that compaction has taken",
        proofs: [["unit/debezium/capture-stops.test.ts", "takes a tombstone alone for the delete"]],
      },
      {
        number: 57,
        injected: "compacted topics, aborted and open transactions",
        expected: "gaps are passed over, nothing aborted is read",
        proofs: [
          ["conformance/kafka-client.ts", "passes over the gaps of compaction"],
          ["conformance/kafka-client.ts", "a producer's aborted records are never read"],
        ],
      },
      {
        number: 58,
        injected: "retention deletes what was not read, a topic is made anew",
        expected: "a coded stop; no client moves an offset",
        proofs: [
          ["e2e/debezium-trouble.fault.test.ts", "records that retention deleted before they were read"],
          ["e2e/debezium-trouble.fault.test.ts", "a topic that was deleted and made anew"],
        ],
      },
      {
        number: 59,
        injected: "snapshots between the changes, a connector made anew",
        expected: "no row is put back; rows that went away meanwhile are not kept silently",
        proofs: [
          ["e2e/debezium-first-load.kafka.test.ts", "between the changes puts no row back"],
          ["e2e/debezium-first-load.kafka.test.ts", "a connector made anew takes a new snapshot"],
        ],
      },
      {
        number: 60,
        injected: "all formats, placeholders of long values in every type",
        expected: "every value exactly, or refused",
        proofs: [
          ["golden/debezium.test.ts", "rows equal what a session reads"],
          ["e2e/debezium-types.kafka.test.ts", "PostgreSQL, Avro"],
        ],
      },
      {
        number: 61,
        injected: "records that nobody can read",
        expected: "stop their table, by name and place, and no other",
        proofs: [["e2e/debezium-trouble.fault.test.ts", "a record that nobody can read stops its table"]],
      },
    ],
  },
  {
    name: "Data and schema",
    faults: [
      {
        number: 62,
        injected: "rows that the target refuses",
        expected: "set aside, counted and shown; the rest goes on; past the bound the table stops",
        proofs: [
          ["e2e/quarantine.pg.test.ts", "rows that break an added CHECK"],
          ["e2e/quarantine.mysql.test.ts", "one poison row too many stops its table and nothing else"],
          ["integration/apply-poison.pg.test.ts", "among 5,000 are found in few statements"],
        ],
      },
      {
        number: 63,
        injected: "a row of 50 MB",
        expected: "arrives exactly, within the memory bound",
        proofs: [
          ["e2e/giant.fault.test.ts", "a row of 50 MB"],
          ["fault/target-broken.fault.test.ts", "takes a value of 50 MB by every way"],
          ["integration/apply-session-mysql.mysql.test.ts", "keeps within max_allowed_packet"],
        ],
        open: "rows of 250 MB",
      },
      {
        number: 64,
        injected: "columns are added, renamed, retyped and dropped at the master",
        expected: "what is not shared does not matter; what is shared stops its table, and says what was and what is",
        proofs: [
          ["e2e/schema-change.pg.test.ts", "says what was and what is"],
          ["e2e/changed-while-down.pg.test.ts", "a table that $how"],
        ],
      },
      {
        number: 65,
        injected: "heavy writes of the same keys while their table is loaded",
        expected: "the copy equals the master",
        proofs: [
          ["e2e/kill.fault.test.ts", "never shows half a commit and ends equal"],
          ["integration/capture-binlog.mysql.test.ts", "a snapshot has seen exactly the transactions that begin before its place"],
        ],
      },
      {
        number: 66,
        injected: "commits between the beginning of a stream and of a load",
        expected: "nothing falls between them",
        proofs: [["e2e/pgbench.fault.test.ts", "full copies end equal"]],
      },
    ],
  },
  {
    name: "Time",
    faults: [
      {
        number: 67,
        injected: "clocks that jump, of source and target",
        expected: "no copy is valid for longer, none is revived",
        proofs: [
          ["integration/gate.pg.test.ts", "a server clock set back does not revive a copy"],
          ["integration/gate-mysql.mysql.test.ts", "a server clock set back does not revive a copy"],
          ["integration/target-clock.pg.test.ts", "of a clock far ahead of the source no more than"],
          ["conformance/change-target.ts", "of a source that is ahead lengthens nothing"],
        ],
      },
      {
        number: 68,
        injected: "servers and sessions in other zones",
        expected: "instants are instants",
        proofs: [["integration/gate-mysql.mysql.test.ts", "the clock gives the session its time zone back"]],
      },
    ],
  },
  {
    name: "Security",
    faults: [
      {
        number: 69,
        injected:
          "expired and early certificates, those of strangers or for another host, servers without TLS or that ask for certificates",
        expected: "refused; no plain text instead",
        proofs: [
          ["support/tls-matrix.ts", "nothing of user and password was sent to it"],
          ["support/tls-matrix.ts", "none, or one of strangers, is not enough"],
          ["e2e/tls.mysql.test.ts", "copies on both families and the control database"],
          ["integration/postgres-client.pg.test.ts", "an expired one is refused by both"],
          ["conformance/kafka-client.ts", "a broker that cannot prove who it is, is refused"],
        ],
      },
      {
        number: 70,
        injected: "wrong passwords, privileges taken away, row security that hides rows",
        expected: "told as such; never fewer rows without a word",
        proofs: [
          ["e2e/bad-input.fault.test.ts", "a wrong password at the source and at the target"],
          ["fault/capture-slot-lost.fault.test.ts", "a privilege and a login that were taken away"],
          ["integration/snapshot.pg.test.ts", "fails when row security would hide rows"],
          ["e2e/reconcile-repair.pg.test.ts", "a master that hides its rows from dongbo empties no copy"],
          ["e2e/least-privilege.mysql.test.ts", "without any one of them check and life fail with a code"],
        ],
      },
      {
        number: 71,
        injected: "names with quotes, backticks, semicolons, of the greatest length",
        expected: "they are names and nothing else",
        proofs: [
          ["e2e/names.pg.test.ts", "may have any name that PostgreSQL takes"],
          ["e2e/names.mysql.test.ts", "may have any name that the server takes"],
          ["e2e/injection.pg.test.ts", "through the whole life of a copy"],
          ["e2e/injection.mysql.test.ts", "through the whole life of a copy"],
          ["property/quoting.pg.test.ts", "literals and names are themselves"],
          ["property/quoting.mysql.test.ts", "literals and names are themselves"],
          ["unit/postgres/quote.test.ts", "cannot end their own quotes"],
          ["unit/cli/output-lines.test.ts", "cannot begin a line of a finding"],
          ["integration/capture-stream.pg.test.ts", "a name of a publication is quoted"],
        ],
      },
      {
        number: 72,
        injected: "configurations that are meant to harm",
        expected: "refused with their places",
        proofs: [
          ["property/configuration.test.ts", ""],
          ["unit/config/hostile-configuration.test.ts", ""],
        ],
      },
      {
        number: 73,
        injected: "marked passwords and values, with every failure that could quote them",
        expected: "in no log, metric, report, certificate, plan or record; the output of every test run is searched",
        proofs: [
          ["e2e/secrets.mysql.test.ts", "is seen outside of the copies, whatever fails"],
          ["unit/cli/output-lines.test.ts", "without a driver's words, statement and parameters"],
        ],
      },
      {
        number: 74,
        injected: "rows whose values errors and logs could quote",
        expected: "no value in any of them",
        proofs: [
          ["integration/apply-poison.pg.test.ts", "leave no value in codes, details and messages"],
          ["integration/apply-poison-mysql.mysql.test.ts", "leave no value in codes, details and messages"],
          ["e2e/disclosure.pg.test.ts", "columns and rows that are not shared are nowhere"],
        ],
      },
    ],
  },
  {
    name: "All of it",
    faults: [
      {
        number: 75,
        injected: "workers, servers, links and operators, in an order and at moments of chance, while everything is written and read",
        expected: "copies show only what their masters were, come forward again by themselves, and end equal",
        proofs: [["fleet/soak.fleet.test.ts", "under faults of chance"]],
        open: "an hour and more of it, with Debezium, is `npm run soak`, not a test",
      },
    ],
  },
];

/** Faults that no test injects yet, and what stands in the way. */
export const notInjected: Readonly<Record<number, string>> = {
  22: "a full disk of the target's log: the server ends, as in number 19",
  31: "commits that a new primary lacks: the timeline stops the source (number 30), and what lies beyond it is left to a re-sync",
  38: "as number 39",
  44: "as number 43",
  48: "partial row events and encrypted logs of MariaDB: coded stops by construction (number 47)",
};
