#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hikyaku {

/// Data without behaviour, as it passes between processes: nothing, a truth, a number, text (octets), a list,
/// or a map that keeps its order.
class PlainValue {
 public:
  using List = std::vector<PlainValue>;
  struct Map {
    List items = {};  ///< key, value, key, value ...
    bool operator==(const Map&) const = default;
  };
  using Any = std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map>;

  PlainValue() = default;
  PlainValue(bool value) : any_(value) {}
  PlainValue(std::int64_t value) : any_(value) {}
  PlainValue(double value) : any_(value) {}
  PlainValue(std::string value) : any_(std::move(value)) {}
  PlainValue(std::string_view value) : any_(std::string(value)) {}
  PlainValue(const char* value) : any_(std::string(value)) {}
  PlainValue(List value) : any_(std::move(value)) {}
  PlainValue(Map value) : any_(std::move(value)) {}

  const Any& any() const { return any_; }
  bool nothing() const { return std::holds_alternative<std::monostate>(any_); }
  /// nullptr: it is something else.
  const bool* truth() const { return std::get_if<bool>(&any_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&any_); }
  const double* real() const { return std::get_if<double>(&any_); }
  const std::string* text() const { return std::get_if<std::string>(&any_); }
  const List* list() const { return std::get_if<List>(&any_); }
  const Map* map() const { return std::get_if<Map>(&any_); }
  /// The value of a map's key; nullptr: this is no map, or it has none.
  const PlainValue* at(std::string_view key) const;
  bool operator==(const PlainValue&) const = default;

  /// Octets that parse() reads back. Nested deeper than kDepth, the inner values become nothing.
  std::string encoded() const;
  /// Fails with Fault::malformed, naming the octet: not what encoded() writes, more than 64 deep.
  static Result<PlainValue> parse(std::string_view octets);
  static constexpr unsigned kDepth = 64;

 private:
  Any any_;
};

/// "true", "\"text\"", "[1, 2]": for messages. Escaped; long ones are cut.
std::string text(const PlainValue& value);

}  // namespace hikyaku
