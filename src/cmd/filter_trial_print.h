#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cmd/milter_message.h"
#include "serve/session_player.h"

namespace hikyaku::cmd {

/// "passed", "held", "discarded", "refused", "failed".
std::string_view end_name(serve::PlayedSession::End end);

/// All that came of a session, and the message as Postfix would have it now, as JSON. `filter`: where it
/// listens.
nlohmann::json played_json(const std::string& filter, const MilterScript& script,
                           const serve::PlayedSession& played);
/// The same for people, from that JSON.
void print_played(const nlohmann::json& row);
/// What differs from a recording of so many events, for people.
void print_differences(const nlohmann::json& rows, std::size_t events);

}  // namespace hikyaku::cmd
