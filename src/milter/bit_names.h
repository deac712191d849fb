#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "milter/protocol.h"

namespace hikyaku::milter {

/// The names of the bits of an agreement, for people: "add headers", "no connect", "no reply to header". Bits
/// without a meaning are told as "unknown".
std::vector<std::string_view> action_names(std::uint32_t actions);
std::vector<std::string_view> step_names(std::uint32_t steps);
/// "end of headers"
std::string_view text(Stage stage);

}  // namespace hikyaku::milter
