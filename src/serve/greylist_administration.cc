#include "serve/greylist_administration.h"

#include <sysexits.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace hikyaku::serve {
namespace {

using greylist::TupleState;
using nlohmann::json;
using Row = std::function<void(const json&)>;

constexpr std::size_t kPage = 1000;
constexpr std::size_t kMostSenders = 100'000;  // that are counted
constexpr std::size_t kTopSenders = 10;

std::string text_of(const json& request, const char* name) {
  const auto found = request.find(name);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

json tuple_row(const greylist::TupleEntry& entry) {
  const auto& facts = entry.facts;
  json row{{"client", entry.address},
           {"sender", entry.sender},
           {"recipient", entry.recipient},
           {"state", text(facts.state)},
           {"time", iso_text(facts.time)},
           {"first_seen", iso_text(facts.first_seen)},
           {"last_seen", iso_text(facts.last_seen)},
           {"tries", facts.tries},
           {"passes", facts.passes}};
  if (!entry.pool.empty()) row["pool"] = entry.pool;
  return row;
}

Result<greylist::TupleQuery> query_of(const json& request) {
  greylist::TupleQuery query;
  query.order = greylist::TupleQuery::Order::time;
  const auto take = [&](const char* name, std::optional<std::string>& into) {
    if (auto value = text_of(request, name); !value.empty()) into = std::move(value);
  };
  take("client", query.client);
  take("sender", query.sender);
  take("recipient", query.recipient);
  const auto state = text_of(request, "state");
  for (const auto one : greylist::kTupleStates)
    if (text(one) == state) query.state = one;
  if (!state.empty() && !query.state)
    return fail(Fault::malformed,
                "there is no state \"" + state + "\": pending, autowhite, tarpit or record");
  return query;
}

/// Hands each tuple that the request asks for on, page by page.
Result<void> for_each(GreylistState& state, const greylist::TupleQuery& query, Time now,
                      const std::function<Result<void>(const greylist::ListedTuple&)>& act) {
  auto& store = state.store();
  if (auto saved = store.write_out(); !saved) return std::unexpected(std::move(saved.error()));
  std::string from;
  do {
    auto page = store.list(query, from, kPage);
    if (!page) return std::unexpected(std::move(page.error()));
    for (const auto& one : page->tuples) {
      if (greylist::expired(one.entry.facts.state, one.entry.facts.time, store.table().settings().timeout,
                            greylist::seconds_of(now)))
        continue;
      if (auto done = act(one); !done) return done;
    }
    from = std::move(page->next);
  } while (!from.empty());
  return {};
}

Result<int> status(const json& request, GreylistState& state, Time now, const Row& row) {
  const auto load = state.store().table().load();
  json out{{"pending", load.pending}, {"autowhite", load.autowhite}, {"tarpit", load.tarpit},
           {"records", load.records}, {"unsaved", load.unsaved},     {"memory", load.memory}};
  std::optional<Time> until;
  if (const auto given = text_of(request, "until"); !given.empty()) {
    until = parse_iso_time(given);
    if (!until) return fail(Fault::malformed, "a time is as 2026-11-29T12:05Z");
  }
  std::size_t passing = 0;
  std::map<std::string, std::size_t> senders;
  const auto counted = for_each(state, {}, now, [&](const greylist::ListedTuple& one) -> Result<void> {
    if (one.entry.facts.state == TupleState::pending && until && Time(one.entry.facts.time) <= *until)
      ++passing;
    if (one.entry.facts.state == TupleState::record) return {};
    if (senders.size() < kMostSenders || senders.contains(one.entry.sender)) ++senders[one.entry.sender];
    return {};
  });
  if (!counted) return std::unexpected(counted.error());
  if (until) out["passing"] = {{"until", iso_text(*until)}, {"tuples", passing}};
  std::vector<std::pair<std::size_t, std::string>> top;
  for (const auto& [sender, count] : senders) top.emplace_back(count, sender);
  const auto most = std::min(kTopSenders, top.size());
  std::partial_sort(top.begin(), top.begin() + static_cast<std::ptrdiff_t>(most), top.end(),
                    std::greater<>());
  out["top_senders"] = json::array();
  for (std::size_t i = 0; i < most; ++i)
    out["top_senders"].push_back({{"sender", top[i].second}, {"tuples", top[i].first}});
  row(out);
  return EX_OK;
}

Result<int> change(const json& request, GreylistState& state, const greylist::Configuration& configuration,
                   Time now, const Row& row) {
  const bool release = request["command"] == "greylist.release";
  auto query = query_of(request);
  if (!query) return std::unexpected(query.error());
  if (!query->client && !query->sender && !query->recipient)
    return fail(Fault::malformed, "name a client, a sender or a recipient");
  // Only what waits can be let through.
  if (release) query->state = TupleState::pending;
  // What changes moves within the list that is walked: first all are found.
  std::vector<greylist::ListedTuple> found;
  const auto listed = for_each(state, *query, now, [&](const greylist::ListedTuple& one) -> Result<void> {
    found.push_back(one);
    return {};
  });
  if (!listed) return std::unexpected(listed.error());
  for (const auto& one : found) {
    auto& store = state.store();
    const auto done =
        release ? store.release(one.sequence, configuration.autowhite.value, greylist::seconds_of(now))
                : store.erase(one.sequence);
    if (!done) return std::unexpected(done.error());
    if (*done) row(tuple_row(one.entry));
  }
  if (auto saved = state.store().write_out(); !saved) return std::unexpected(std::move(saved.error()));
  return found.empty() ? EX_NOINPUT : EX_OK;
}

Result<int> whitelist(const json& request, GreylistState& state, const greylist::Configuration& configuration,
                      Time now, const Row& row) {
  greylist::TupleEntry entry;
  entry.address = text_of(request, "client");
  entry.sender = greylist::tuple_sender(greylist::bracketed(text_of(request, "sender")));
  entry.recipient = greylist::tuple_recipient(greylist::bracketed(text_of(request, "recipient")));
  if (entry.address.empty() || entry.recipient == "<>")
    return fail(Fault::malformed,
                "name a client's address and a recipient; without a sender it is the null sender");
  const auto seconds = request.value("seconds", configuration.autowhite.value.count());
  entry.facts.state = TupleState::autowhite;
  entry.facts.first_seen = entry.facts.last_seen = greylist::seconds_of(now);
  entry.facts.time = greylist::seconds_of(now) + std::chrono::seconds(seconds);
  const auto told = tuple_row(entry);
  auto added = state.store().import(std::move(entry), greylist::seconds_of(now));
  if (!added) return std::unexpected(std::move(added.error()));
  if (!*added) return fail(Fault::temporary, "there is no room for another tuple");
  if (auto saved = state.store().write_out(); !saved) return std::unexpected(std::move(saved.error()));
  row(told);
  return EX_OK;
}

}  // namespace

Result<int> answer_greylist(const json& request, GreylistState& state,
                            const greylist::Configuration& configuration, Time now, const Row& row) {
  const auto command = text_of(request, "command");
  if (command == "greylist.status") return status(request, state, now, row);
  if (command == "greylist.release" || command == "greylist.forget")
    return change(request, state, configuration, now, row);
  if (command == "greylist.whitelist") return whitelist(request, state, configuration, now, row);
  if (command == "greylist.show") {
    const auto query = query_of(request);
    if (!query) return std::unexpected(query.error());
    const auto shown = for_each(state, *query, now, [&](const greylist::ListedTuple& one) -> Result<void> {
      row(tuple_row(one.entry));
      return {};
    });
    if (!shown) return std::unexpected(shown.error());
    return EX_OK;
  }
  const auto file = text_of(request, "file");
  if (command == "greylist.import") {
    std::vector<std::string> notes;
    const auto read = state.import(file, now, notes);
    if (!read) return std::unexpected(read.error());
    row({{"tuples", *read}, {"notes", notes}});
    return notes.empty() ? EX_OK : EX_DATAERR;
  }
  if (command == "greylist.export") {
    const auto dates = configuration.dump_no_time_translation.value ? greylist::DumpWriter::Dates::left_out
                                                                    : greylist::DumpWriter::Dates::written;
    const auto written = state.dump(file, configuration.dumpfile_mode, dates, now);
    if (!written) return std::unexpected(written.error());
    return EX_OK;
  }
  return fail(Fault::malformed, "there is no command " + command);
}

}  // namespace hikyaku::serve
