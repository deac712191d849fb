#include "access/message_encoder.h"

namespace hikyaku::access {
namespace {

constexpr std::size_t kEmptyLine = 1;  // octets before the LF: the CR

}  // namespace

/// How many of the next octets TOP wants.
std::size_t MessageEncoder::wanted(std::string_view octets) {
  std::size_t at = 0;
  while (!complete_) {
    const auto line_end = octets.find('\n', at);
    if (line_end == std::string_view::npos) {
      column_ += octets.size() - at;
      return octets.size();
    }
    const auto length = column_ + (line_end - at);
    column_ = 0;
    at = line_end + 1;
    if (in_body_) {
      --*lines_left_;
    } else {
      in_body_ = length <= kEmptyLine;
    }
    complete_ = in_body_ && *lines_left_ == 0;
  }
  return at;
}

void MessageEncoder::encode(std::string_view octets, std::string& out) {
  if (lines_left_) octets = octets.substr(0, wanted(octets));
  encoder_.encode(octets, [&out](std::string_view part) { out += part; });
}

void MessageEncoder::finish(std::string& out) {
  encoder_.finish([&out](std::string_view part) { out += part; });
}

}  // namespace hikyaku::access
