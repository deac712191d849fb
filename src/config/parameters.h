#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hikyaku::config {

/// What a parameter's value is made of.
enum class Kind : unsigned char {
  text,      ///< anything
  raw,       ///< anything; $name is not put in at load: it is meant for each use
  boolean,   ///< yes or no, in any case
  integer,   ///< decimal, may be negative
  size,      ///< octets, decimal, not negative
  duration,  ///< a number with s, m, h, d or w; without: the parameter's own unit
  list,      ///< elements between commas or white space
  maps,      ///< a list of tables, type:name
};

/// A parameter of Postfix 3.7, or one of ours (hikyaku_*).
struct Parameter {
  std::string_view name;
  Kind kind = Kind::text;
  std::string_view fallback;  ///< the built-in default, before $name is put in
  char unit = 's';            ///< of a duration that is written without one: that of the default
  bool used = false;          ///< the hub acts on it
  bool own = false;           ///< ours, not Postfix's
  std::string_view meaning;   ///< own: what it is for; Postfix's unused: what happens to mail without it
};

/// All, sorted by name.
std::span<const Parameter> parameters();
/// By its exact name; nullptr if there is none. Names of transports ("relay_destination_concurrency_limit")
/// are found under any prefix, see transport_parameter.
const Parameter* find_parameter(std::string_view name);
/// The parameter whose kind and value a NAME_suffix of any transport has while it is not set:
/// "x_destination_concurrency_limit" gives "default_destination_concurrency_limit". nullptr if the suffix is
/// none of those.
const Parameter* transport_parameter(std::string_view name);

/// What a transport's own parameter may end in, after "NAME_": "destination_concurrency_limit".
std::span<const std::string_view> transport_suffixes();
/// The words that the value of a parameter is made of, separated by blanks; empty if it is not made of known
/// words.
std::string_view known_words(std::string_view name);
/// The names of all parameters, sorted, for spelling suggestions.
std::span<const std::string_view> parameter_names();

/// Readers of values. nullopt when malformed or out of range.
std::optional<bool> read_boolean(std::string_view text);
std::optional<std::int64_t> read_integer(std::string_view text);
std::optional<std::chrono::seconds> read_duration(std::string_view text, char unit);

std::string_view text(Kind kind);

}  // namespace hikyaku::config
