// forelog intents: what is unfinished in a directory of intents, and an operator's word on it.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/reports.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/units.h"
#include "forelog/intents.h"
#include "forelog/try.h"
#include "forelog/zstd.h"
#include "intents/intent_state.h"
#include "intents/store.h"

namespace forelog::cli {
namespace {

using IntentPointer = std::shared_ptr<const Intent>;

struct IntentsArguments {
  std::string dir;
  bool json = false;
  bool finished = false;
  std::uint64_t id = 0;
  std::vector<std::uint64_t> ids;
  std::string why;
};

std::string printable(std::string_view text) {
  std::string out;
  append_printable(out, text);
  return out;
}

// "running", "aborting", and behind it whether it is parked.
std::string state_text(const Intent& intent) {
  return std::string(to_string(intent.phase)) + (intent.parked ? ", parked" : "");
}

std::string next_text(const Intent& intent) {
  const auto step = intent.next_step();
  if (!step) return "-";
  return std::to_string(*step) + " " + intent.plan->steps[*step];
}

std::size_t count_in(const Intent& intent, StepState state) {
  std::size_t count = 0;
  for (const IntentStep& step : intent.steps) count += step.state == state ? 1 : 0;
  return count;
}

bool has_next_attempt(const Intent& intent) { return intent.attempts > 0 && !intent.parked; }

void put_bytes(Json& json, const std::string& name, const std::string& bytes) {
  if (is_utf8(bytes)) {
    json[name] = bytes;
    return;
  }
  std::string encoded;
  append_base64(encoded, bytes);
  json[name + "_base64"] = encoded;
}

Json to_json(const Intent& intent) {
  Json json;
  json["id"] = intent.id.value;
  json["kind"] = intent.plan->kind;
  put_bytes(json, "key", intent.plan->key);
  json["phase"] = std::string(to_string(intent.phase));
  json["parked"] = intent.parked;
  json["begun"] = time_text(intent.begun);
  json["timeout"] = static_cast<double>(intent.plan->timeout.count()) / 1000;
  json["pivot"] = intent.plan->pivot ? Json(*intent.plan->pivot) : Json();
  json["next_step"] = intent.next_step() ? Json(*intent.next_step()) : Json();
  json["attempts"] = intent.attempts;
  json["next_attempt"] = has_next_attempt(intent) ? Json(time_text(intent.next_attempt)) : Json();
  put_bytes(json, "last_error", intent.last_error);
  put_bytes(json, "reason", intent.reason);
  put_bytes(json, "payload", intent.plan->payload);
  json["steps"] = Json::array();
  for (std::size_t i = 0; i < intent.steps.size(); ++i) {
    Json step;
    step["name"] = intent.plan->steps[i];
    step["state"] = std::string(to_string(intent.steps[i].state));
    put_bytes(step, "result", intent.steps[i].result);
    put_bytes(step, "compensation", intent.steps[i].compensation);
    json["steps"].push_back(std::move(step));
  }
  return json;
}

std::string list_text(const std::vector<IntentPointer>& intents) {
  if (intents.empty()) return "no unfinished intents\n";
  Table table({{"id", Align::right},
               {"kind"},
               {"state"},
               {"done", Align::right},
               {"next step"},
               {"failed", Align::right},
               {"begun"},
               {"last error"}});
  for (const IntentPointer& intent : intents) {
    table.add({std::to_string(intent->id.value), intent->plan->kind, state_text(*intent),
               std::to_string(count_in(*intent, StepState::done)) + " of " +
                   std::to_string(intent->steps.size()),
               next_text(*intent), std::to_string(intent->attempts), time_text(intent->begun),
               intent->last_error.empty() ? "-" : printable(intent->last_error)});
  }
  return table.text("");
}

std::string line(std::string_view name, const std::string& value) {
  if (value.empty()) return {};
  std::string text(name);
  text.resize(12, ' ');
  return text + value + "\n";
}

std::string show_text(const Intent& intent) {
  std::string text =
      line("intent", std::to_string(intent.id.value) + " of kind " + intent.plan->kind);
  text += line("key", printable(intent.plan->key));
  text += line("state", state_text(intent));
  text += line("reason", printable(intent.reason));
  text += line("begun", time_text(intent.begun));
  text += line("next step", next_text(intent));
  if (intent.attempts > 0) {
    text += line("failed", count_of(intent.attempts, "attempt") +
                               (has_next_attempt(intent)
                                    ? ", the next not before " + time_text(intent.next_attempt)
                                    : ""));
  }
  text += line("last error", printable(intent.last_error));
  text += line("payload", printable(intent.plan->payload));
  Table table({{"step", Align::right}, {"name"}, {"state"}, {"result"}, {"of its compensation"}});
  for (std::size_t i = 0; i < intent.steps.size(); ++i) {
    const bool pivot = intent.plan->pivot == i;
    table.add({std::to_string(i), intent.plan->steps[i] + (pivot ? " (pivot)" : ""),
               std::string(to_string(intent.steps[i].state)), printable(intent.steps[i].result),
               printable(intent.steps[i].compensation)});
  }
  return text + "\n" + table.text("  ");
}

DurableOptions options_of() {
  DurableOptions options;
  options.log.create_if_missing = false;
  options.snapshots.compression = &zstd();
  // So that a program which brings no codec can open what it could open before.
  options.snapshots.compress_new = CompressNew::as_newest;
  return options;
}

Result<intents::IntentImage> look(const std::string& dir) {
  FORELOG_TRY(check_directory(dir));
  auto image = intents::look(dir, options_of());
  if (!image) return explain_place(image.error(), dir, Meant::intents);
  return image;
}

using FinishedPointer = std::shared_ptr<const FinishedIntent>;

Json to_json(const FinishedIntent& intent) {
  Json json;
  json["id"] = intent.id.value;
  json["kind"] = intent.kind;
  put_bytes(json, "key", intent.key);
  json["phase"] = std::string(to_string(intent.phase));
  json["begun"] = time_text(intent.begun);
  json["finished"] = time_text(intent.finished);
  put_bytes(json, "reason", intent.reason);
  return json;
}

std::string finished_text(const std::vector<FinishedPointer>& intents) {
  if (intents.empty()) return "no finished intents are remembered\n";
  Table table({{"id", Align::right}, {"kind"}, {"state"}, {"begun"}, {"finished"}, {"reason"}});
  for (const FinishedPointer& intent : intents) {
    table.add({std::to_string(intent->id.value), intent->kind,
               std::string(to_string(intent->phase)), time_text(intent->begun),
               time_text(intent->finished),
               intent->reason.empty() ? "-" : printable(intent->reason)});
  }
  return table.text("");
}

template <typename Pointer>
Json list_json(const std::vector<Pointer>& intents) {
  Json list = Json::array();
  for (const Pointer& intent : intents) list.push_back(to_json(*intent));
  return list;
}

ExitCode run_list(const IntentsArguments& arguments) {
  const auto image = look(arguments.dir);
  if (!image) return fail(image.error());
  Output out;
  if (arguments.finished) {
    out << (arguments.json ? json_text({{"finished", list_json(image->finished)}})
                           : finished_text(image->finished));
    return finish(out, ExitCode::done);
  }
  if (arguments.json) {
    out << json_text({{"intents", list_json(image->open)}});
  } else {
    out << list_text(image->open);
  }
  return finish(out, ExitCode::done);
}

ExitCode run_show(const IntentsArguments& arguments) {
  const auto image = look(arguments.dir);
  if (!image) return fail(image.error());
  for (const IntentPointer& intent : image->open) {
    if (intent->id.value != arguments.id) continue;
    Output out;
    out << (arguments.json ? json_text(to_json(*intent)) : show_text(*intent));
    return finish(out, ExitCode::done);
  }
  return fail(
      {Code::not_found, "intent " + std::to_string(arguments.id) +
                            " is not unfinished: it was finished (see `forelog intents DIR list "
                            "--finished`), or never begun"});
}

// Why not the library's words: they speak to a program, which can park it.
Status drop(Intents& intents, IntentId id, const std::string& why) {
  Status status = intents.drop(id, why);
  if (status.code() != Code::busy) return status;
  return {Code::busy, "intent " + std::to_string(id.value) +
                          " is not parked, and something may have been begun of it. Start the "
                          "program that runs it:\nit finishes it, undoes it, or parks it when its "
                          "attempts are used up; then it can be dropped"};
}

// What an operator says of each, as the writer of their log.
ExitCode run_change(const IntentsArguments& arguments, const char* what,
                    const std::function<Status(Intents&, IntentId)>& change) {
  IntentsOptions options;
  options.durable = options_of();
  auto intents = Intents::open(arguments.dir, options);
  if (!intents && intents.error().code() == Code::busy) {
    return fail({Code::busy,
                 arguments.dir +
                     ": a process has these intents open and runs them; list and show work beside "
                     "it.\nTo retry or drop: stop it first, or let it do this itself "
                     "(Intents::retry, Intents::drop)."});
  }
  if (!intents) return fail(explain_place(intents.error(), arguments.dir, Meant::intents));
  note_recovery(intents->log().recovery());
  Output out;
  Json json = Json::array();
  Status status;
  for (const std::uint64_t id : arguments.ids) {
    status = change(*intents, IntentId(id));
    if (!status) break;
    json.push_back(id);
    if (!arguments.json) out << what << " " << std::to_string(id) << "\n";
  }
  if (Status closed = intents->close(); status.ok()) status = std::move(closed);
  // Also where one has failed: those before it are changed.
  if (arguments.json) out << json_text({{what, json}});
  return finish(out, status.ok() ? ExitCode::done : fail(status));
}

// Why: what is read as a number by the parser itself takes -1 for a very large one.
std::string check_id(const std::string& text) {
  if (parse_count(text)) return {};
  return "'" + printable(text) + "' is not the id of an intent: a number from 1, as list shows it";
}

template <typename Target>
void add_id(CLI::App& command, Target& target) {
  command.add_option("ID", target, "As list shows it")->check(check_id)->type_name("")->required();
}

CLI::App& add_verb(CLI::App& command, Context& context, const CommandHelp& help,
                   const std::shared_ptr<IntentsArguments>& arguments,
                   ExitCode (*run)(const IntentsArguments&)) {
  CLI::App& verb =
      add_command(command, context, help, [arguments, run] { return run(*arguments); });
  verb.add_flag("--json", arguments->json, "Print one JSON object");
  return verb;
}

ExitCode run_retry(const IntentsArguments& arguments) {
  return run_change(arguments, "retried",
                    [](Intents& intents, IntentId id) { return intents.retry(id); });
}

ExitCode run_drop(const IntentsArguments& arguments) {
  return run_change(arguments, "dropped", [&](Intents& intents, IntentId id) {
    return drop(intents, id, arguments.why);
  });
}

}  // namespace

void add_intents(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<IntentsArguments>();
  CLI::App& command = add_command(
      app, context,
      {"intents",
       "Shows the unfinished intents in a directory, and takes an operator's word on them. list "
       "and "
       "show\nchange nothing, and work beside the process that runs the intents. retry and drop "
       "need it to be\nstopped: what is retried is run when it starts again.",
       "forelog intents /tmp/shop list\n"
       "forelog intents /tmp/shop list --json | jq '.intents[] | select(.parked) | .id'\n"
       "forelog intents /tmp/shop show 1\n"
       "forelog intents /tmp/shop retry 1\n"
       "forelog intents /tmp/shop drop 1 --why 'refunded by hand'"},
      [arguments] { return run_list(*arguments); });
  command.callback(nullptr);
  command
      .add_option("DIR", arguments->dir,
                  "Directory of the intents (with log/ and snapshots/ in it)")
      ->type_name("")
      ->required();
  command.require_subcommand(1);
  CLI::App& list = add_verb(
      command, context,
      {"list", "All that are unfinished, in the order in which they were begun; or those finished.",
       "forelog intents /tmp/shop list\nforelog intents /tmp/shop list --finished --json"},
      arguments, run_list);
  list.add_flag("--finished", arguments->finished,
                "Those that were completed, aborted or dropped instead, with reason and time, as "
                "far as they are remembered: the last 1,024");
  CLI::App& show = add_verb(command, context,
                            {"show", "One of them: its payload, its steps, and what each gave.",
                             "forelog intents /tmp/shop show 1"},
                            arguments, run_show);
  add_id(show, arguments->id);
  CLI::App& retry = add_verb(
      command, context,
      {"retry",
       "Parked ones, and those that wait for their next attempt, are tried again; attempts count "
       "anew.\nThe first that cannot be ends it; those before it have been.",
       "forelog intents /tmp/shop retry 1"},
      arguments, run_retry);
  add_id(retry, arguments->ids);
  CLI::App& drop = add_verb(
      command, context,
      {"drop",
       "Parked ones are given up: nothing more is done or undone of what they left behind."
       "\nThe first that cannot be ends it; those before it have been. Exit code 5: one is not "
       "parked.",
       "forelog intents /tmp/shop drop 1 --why 'refunded by hand'"},
      arguments, run_drop);
  add_id(drop, arguments->ids);
  drop.add_option("--why", arguments->why, "Is recorded with it")->type_name("TEXT");
}

}  // namespace forelog::cli
