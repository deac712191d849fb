#include "cmd/administer.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/control_client.h"
#include "cmd/exit_code.h"
#include "cmd/running_configuration.h"
#include "cmd/store_places.h"
#include "io/system_clock.h"
#include "serve/administration.h"
#include "serve/databases.h"
#include "serve/mailbox_requests.h"

namespace hikyaku::cmd {

void print_json(const nlohmann::json& value) {
  const auto text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::puts(text.c_str());
}

void tell_notes(const std::vector<std::string>& notes) {
  for (const auto& note : notes) fmt::print(stderr, "hikyaku: {}\n", escaped(note, 4000));
}

int administer(const std::string& directory, const nlohmann::json& request,
               const std::function<void(const nlohmann::json&)>& row) {
  io::SystemRandom random;
  const auto loaded = load_configuration(directory, random, false);
  if (!loaded.running) return loaded.exit_code;
  auto answered = ask_hub(serve::control_path(loaded.running->queue_directory), request, row);
  if (!answered) return tell_error("hikyaku", answered.error());
  if (*answered) return **answered;

  const io::SystemClock clock;
  std::vector<std::string> notes;
  const auto each = [&row](const nlohmann::json& one) {
    row(one);
    return true;
  };
  if (request.value("command", std::string()).starts_with("mailbox.")) {
    const auto offline = OfflineDatabases::open(*loaded.running);
    if (!offline) return tell_error("hikyaku", offline.error());
    const auto result = serve::answer_mailbox_request((*offline)->databases, clock,
                                                      loaded.running->mailbox_rules(), request, each);
    return result ? *result : tell_error("hikyaku", result.error());
  }
  auto database = serve::QueueDatabase::open(*loaded.running, clock.now(), notes);
  tell_notes(notes);
  if (!database) return tell_error("hikyaku", database.error());
  auto& [kv, blob, queue, commits] = **database;
  serve::Administration administration(*queue, *commits, *blob, clock, nullptr);
  auto result = administration.answer(request, each);
  commits->stop();
  if (!result) return tell_error("hikyaku", result.error());
  return *result;
}

}  // namespace hikyaku::cmd
