#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/origin.h"
#include "greylist/cron.h"
#include "greylist/pattern.h"
#include "greylist/spf_word.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// When a rule is looked at: `racl` for each recipient at RCPT, `dacl` once at the end of the message.
enum class Stage : unsigned char { recipient, message };

enum class Action : unsigned char {
  greylist,
  whitelist,
  blacklist,
  go_on,  ///< `continue`: only its side effects; the next rule is looked at
};

enum class Comparison : unsigned char { equal, not_equal, less, greater, at_most, at_least };

/// The name of a property without its "$", in lower case as they are looked up.
struct PropertyName {
  std::string name;
  bool operator==(const PropertyName&) const = default;
};

// The tests of clauses, each named as its word in the file.

struct AddressTest {
  table::Network network;  ///< host bits after the prefix are cleared
};
/// A text of the session or the message against a pattern. What "against" means differs: see evaluation.h.
enum class Subject : unsigned char { domain, helo, from, rawfrom, rcpt, auth, tls, header, body };
struct TextTest {
  Subject subject;
  Pattern pattern;
};
/// `header $p`, `body $p`: the value of a property is looked for.
struct ContentPropertyTest {
  Subject subject;  ///< header or body
  PropertyName property;
};
/// Something that is defined elsewhere in the file.
enum class Defined : unsigned char { dnsrbl, sm_macro, ratelimit, urlcheck, ldapcheck, nsupdate, list };
struct DefinedTest {
  Defined kind;
  std::size_t index;  ///< in the configuration's vector of that kind
};
struct MxTest {
  unsigned prefix;  ///< the client is in the network of this size around an address of the sender domain's MX
};
struct CountryTest {
  std::string code;  ///< "CN"; "ZZ" for a client of no known country
};
struct SpfTest {
  SpfWord status;
};
/// In the same words; `self` never holds.
struct DkimTest {
  SpfWord status;
};
enum class Quantity : unsigned char {
  msgsize,
  rcptcount,
  /// How often mail of the sending domain has passed after it had waited. Not of milter-greylist.
  passed,
};
/// "msgsize", "rcptcount", "passed"
std::string_view text(Quantity quantity);
struct QuantityTest {
  Quantity quantity;
  Comparison comparison;
  std::variant<std::int64_t, PropertyName> operand;
};
/// `set $p = …` lasts for the connection, `rset` for the recipient. Always matches.
struct SetProperty {
  enum class Lasts : unsigned char { connection, recipient };
  enum class Operation : unsigned char { assign, add, subtract };
  Lasts lasts;
  PropertyName property;
  Operation operation;
  std::variant<std::string, std::int64_t, PropertyName> operand;  ///< a string is a format (format.h)
};
struct PropertyTest {
  struct Equals {
    std::string format;  ///< without case
  };
  /// `* $p "…"`: the property's value is a shell pattern (fnmatch(3)), and the text is what it has to match.
  struct IsPatternFor {
    std::string format;
  };
  struct Compared {
    Comparison comparison;
    std::variant<std::int64_t, PropertyName> operand;
  };
  PropertyName property;
  std::variant<Equals, IsPatternFor, Pattern, Compared> test;
};
/// Writes a line to the log. Always matches.
struct LogLine {
  std::string format;
};
/// The client is made to wait; matches a client that has, or that has yet to.
struct TarpitTest {
  std::chrono::seconds duration;
};

using Test =
    std::variant<AddressTest, TextTest, ContentPropertyTest, DefinedTest, MxTest, CountryTest, SpfTest,
                 DkimTest, QuantityTest, CronTimes, SetProperty, PropertyTest, LogLine, TarpitTest>;

struct Clause {
  Test test;
  bool negated = false;
  Origin origin;     ///< its own line: a rule may go over several
  std::string text;  ///< as written, with its "not"
};

enum class TarpitScope : unsigned char { session, command };

/// What a rule says beside its action. Texts are formats (format.h).
struct RuleValues {
  std::optional<std::chrono::seconds> delay, autowhite;
  std::optional<TarpitScope> tarpit_scope;
  std::optional<std::string> code, ecode, msg, report, addfooter, subjtag;
  struct AddedHeader {
    std::string format;             ///< "Name: value"
    std::optional<unsigned> index;  ///< where it is inserted; at the end without
    bool operator==(const AddedHeader&) const = default;
  };
  std::optional<AddedHeader> addheader;
  std::optional<std::int64_t> maxpeek;  ///< octets of the message that are looked at
  bool flushaddr = false, nolog = false;
  bool operator==(const RuleValues&) const = default;
};

struct Rule {
  Stage stage = Stage::recipient;
  Action action = Action::greylist;
  std::string id;               ///< empty: none
  std::vector<Clause> clauses;  ///< all must hold, in this order; none: `default`
  RuleValues values;
  Origin origin;                ///< where it begins
  std::uint32_t last_line = 0;  ///< what milter-greylist names it by, in logs and in "%A"
};

/// `list "name" from { … }`: holds where one of its tests does.
struct List {
  std::string name;
  std::vector<Test> tests;
  Origin origin;
};

}  // namespace hikyaku::greylist
