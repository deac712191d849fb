#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/plain_value.h"

// What the two ends of a Ruby process say to each other: a length of four octets, the lowest first, and a
// list whose first element is one of these words.
namespace hikyaku::io::ruby_frame {

// To Ruby.
constexpr const char* kCall = "call";        ///< method, arguments, milliseconds of processor time
constexpr const char* kAnswer = "answer";    ///< value: of an ask
constexpr const char* kRefusal = "refusal";  ///< text: the ask raises an exception
// From Ruby.
constexpr const char* kValue = "value";    ///< of the call
constexpr const char* kFailed = "failed";  ///< text: the call raised an exception
constexpr const char* kAsk = "ask";        ///< what, arguments
/// Place: where it was, kPlaceRoom octets, what is left of them kNoPlace; nothing comes after it.
constexpr const char* kTimeUp = "time is up";
constexpr std::size_t kPlaceRoom = 1024;
constexpr char kNoPlace = '\0';

constexpr std::size_t kMost = std::size_t{8} << 20;  ///< octets of a frame

}  // namespace hikyaku::io::ruby_frame
