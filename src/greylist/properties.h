#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::greylist {

/// The `$name` values that a connection has gathered: what rules set, and what URL and LDAP checks answered.
/// Several of one name can be there, of several answers; the latest is looked at first. Names are compared
/// without case. Bounded: of kLimit values the oldest is forgotten.
class Properties {
 public:
  static constexpr std::size_t kLimit = 1000;
  static constexpr std::size_t kValueLimit = 4096;  ///< octets of a value; the rest is cut off

  struct Property {
    std::string name, value;
    std::string recipient;      ///< at RCPT: of which one
    bool of_recipient = false;  ///< is forgotten at the next recipient
    bool operator==(const Property&) const = default;
  };

  /// Adds one, before all that are there.
  void push(Property property);
  /// Takes the place of all of its name.
  void assign(Property property);
  void forget_recipient();
  void clear() { all_.clear(); }

  /// The latest value of the name.
  std::optional<std::string_view> find(std::string_view name) const;
  /// The latest first.
  const std::vector<Property>& all() const { return all_; }
  bool operator==(const Properties&) const = default;

 private:
  std::vector<Property> all_;
};

/// A value as a number: the digits that it begins with, with a sign; 0 where there are none. Beyond 2^31 the
/// limit.
std::int64_t number_of(std::string_view value);

}  // namespace hikyaku::greylist
