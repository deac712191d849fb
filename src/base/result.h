#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace hikyaku {

/// What a caller may do about a failure. Chosen where the failure is understood.
enum class Fault : unsigned char {
  malformed,  ///< the input breaks its grammar; asking again will not help
  not_found,  ///< there is no such thing
  temporary,  ///< may pass: a timeout, a table that can't answer, a full disk
  permanent,  ///< will not pass by itself
  corrupt,    ///< what was stored is not what is read back
};

/// `text` says what was tried, on what, and what to do. It is for the log and the administrator, never for
/// the remote side.
struct Error {
  Fault fault;
  std::string text;
};

/// A value, or the reason there is none. Dropping one is a compile error.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

inline std::unexpected<Error> fail(Fault fault, std::string text) {
  return std::unexpected(Error{fault, std::move(text)});
}

}  // namespace hikyaku
