#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "config/greylist_scanner.h"
#include "greylist/rule.h"
#include "table/ip.h"

namespace hikyaku::config::greylist_values {

// The kinds of values in greylist.conf. Each takes one off the scanner, or tells that it is expected and
// gives an empty one.

/// `what` names it in the error: "a name in quotes".
std::string quoted(GreylistScanner& scanner, std::string_view what);
/// A file's path or a format, in quotes; never empty.
std::string path(GreylistScanner& scanner);
/// "30", "30s", "5m", "1h", "1d", "2w".
std::chrono::seconds duration(GreylistScanner& scanner);
/// The same; also negative.
std::chrono::seconds signed_duration(GreylistScanner& scanner);
/// "100", "2k", "5M", of octets; and with the units of time, as milter-greylist reads them.
std::int64_t number(GreylistScanner& scanner);
/// A plain number of at most `most`.
std::uint32_t small_number(GreylistScanner& scanner, std::uint32_t most);
/// Three or four octal digits.
unsigned file_mode(GreylistScanner& scanner);
/// "/24" with at most `most`.
unsigned prefix(GreylistScanner& scanner, unsigned most);
table::Ip ip(GreylistScanner& scanner);
/// An address, with a prefix or without. Host bits are cleared.
table::Network network(GreylistScanner& scanner);
/// "joe@example.org", without brackets.
std::string address(GreylistScanner& scanner);
std::string domain(GreylistScanner& scanner);
/// "$name".
greylist::PropertyName property(GreylistScanner& scanner);
std::optional<greylist::Comparison> comparison(GreylistScanner& scanner);
/// An expression between slashes, if the next thing is one.
std::optional<greylist::Pattern> regex(GreylistScanner& scanner, greylist::Pattern::Syntax syntax);

}  // namespace hikyaku::config::greylist_values
