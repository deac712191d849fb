#include "greylist/rule_text.h"

#include <array>
#include <utility>

namespace hikyaku::greylist {
namespace {

std::string quoted(std::string_view text) {
  std::string out("\"");
  return out.append(text).append("\"");
}

std::string text(const PropertyName& property) { return "$" + property.name; }

std::string text(const Pattern& pattern, bool with_quotes) {
  if (pattern.is_regex()) return "/" + pattern.text() + "/";
  return with_quotes ? quoted(pattern.text()) : pattern.text();
}

template <class... Alternatives>
std::string operand(const std::variant<Alternatives...>& value) {
  return std::visit(
      [](const auto& one) -> std::string {
        using T = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<T, PropertyName>) {
          return text(one);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          return std::to_string(one);
        } else {
          return quoted(one);
        }
      },
      value);
}

class TestText {
 public:
  explicit TestText(const Configuration& configuration) : configuration_(configuration) {}

  std::string operator()(const AddressTest& test) const { return "addr " + test.network.text(); }
  std::string operator()(const TextTest& test) const {
    const bool bare = test.subject == Subject::domain || test.subject == Subject::from ||
                      test.subject == Subject::rawfrom || test.subject == Subject::rcpt;
    return std::string(greylist::text(test.subject)) + " " + text(test.pattern, !bare);
  }
  std::string operator()(const ContentPropertyTest& test) const {
    return std::string(greylist::text(test.subject)) + " " + text(test.property);
  }
  std::string operator()(const DefinedTest& test) const {
    switch (test.kind) {
      case Defined::dnsrbl:
        return named("dnsrbl", configuration_.dnsrbls, test.index);
      case Defined::sm_macro:
        return named("sm_macro", configuration_.macros, test.index);
      case Defined::ratelimit:
        return named("ratelimit", configuration_.ratelimits, test.index);
      case Defined::urlcheck:
        return named("urlcheck", configuration_.urlchecks, test.index);
      case Defined::ldapcheck:
        return named("ldapcheck", configuration_.ldapchecks, test.index);
      case Defined::nsupdate:
        return named("nsupdate", configuration_.nsupdates, test.index);
      case Defined::list:
        break;
    }
    return named("list", configuration_.lists, test.index);
  }
  std::string operator()(const MxTest& test) const { return "mx /" + std::to_string(test.prefix); }
  std::string operator()(const CountryTest& test) const { return "geoip " + quoted(test.code); }
  std::string operator()(const SpfTest& test) const {
    return "spf " + std::string(greylist::text(test.status));
  }
  std::string operator()(const DkimTest& test) const {
    return "dkim " + std::string(greylist::text(test.status));
  }
  std::string operator()(const QuantityTest& test) const {
    return std::string(greylist::text(test.quantity)) + " " + std::string(greylist::text(test.comparison)) +
           " " + operand(test.operand);
  }
  std::string operator()(const CronTimes& test) const { return "time " + quoted(test.text()); }
  std::string operator()(const SetProperty& test) const {
    const std::string_view operation = test.operation == SetProperty::Operation::assign ? " = "
                                       : test.operation == SetProperty::Operation::add  ? " += "
                                                                                        : " -= ";
    return (test.lasts == SetProperty::Lasts::connection ? "set " : "rset ") + text(test.property) +
           std::string(operation) + operand(test.operand);
  }
  std::string operator()(const PropertyTest& test) const {
    const auto name = text(test.property);
    if (const auto* equals = std::get_if<PropertyTest::Equals>(&test.test))
      return name + " " + quoted(equals->format);
    if (const auto* pattern = std::get_if<PropertyTest::IsPatternFor>(&test.test))
      return "* " + name + " " + quoted(pattern->format);
    if (const auto* compared = std::get_if<PropertyTest::Compared>(&test.test))
      return name + " " + std::string(greylist::text(compared->comparison)) + " " +
             operand(compared->operand);
    return name + " " + text(std::get<Pattern>(test.test), true);
  }
  std::string operator()(const LogLine& test) const { return "log " + quoted(test.format); }
  std::string operator()(const TarpitTest& test) const {
    return "tarpit " + std::to_string(test.duration.count()) + "s";
  }

 private:
  template <class Definition>
  static std::string named(std::string_view word, const std::vector<Definition>& all, std::size_t index) {
    // A test outlives no configuration; one of another configuration must not read beyond its own.
    return std::string(word) + " " + quoted(index < all.size() ? all[index].name : "?");
  }

  const Configuration& configuration_;
};

void append_values(const RuleValues& values, std::string& out) {
  const auto seconds = [&](std::string_view word, const std::optional<std::chrono::seconds>& value) {
    if (value) out.append(word).append(std::to_string(value->count())).append("s");
  };
  const auto quote = [&](std::string_view word, const std::optional<std::string>& value) {
    if (value) out.append(word).append(quoted(*value));
  };
  seconds(" delay ", values.delay);
  seconds(" autowhite ", values.autowhite);
  if (values.tarpit_scope)
    out += *values.tarpit_scope == TarpitScope::session ? " tarpit_scope session" : " tarpit_scope command";
  quote(" code ", values.code);
  quote(" ecode ", values.ecode);
  quote(" msg ", values.msg);
  quote(" report ", values.report);
  if (values.flushaddr) out += " flushaddr";
  if (values.nolog) out += " nolog";
  if (values.addheader) {
    out.append(" addheader ").append(quoted(values.addheader->format));
    if (values.addheader->index) out.append(", ").append(std::to_string(*values.addheader->index));
  }
  quote(" addfooter ", values.addfooter);
  quote(" subjtag ", values.subjtag);
  if (values.maxpeek) out.append(" maxpeek ").append(std::to_string(*values.maxpeek));
}

}  // namespace

std::string_view text(Stage stage) { return stage == Stage::recipient ? "racl" : "dacl"; }

std::string_view text(Action action) {
  static constexpr std::array<std::string_view, 4> kWords = {"greylist", "whitelist", "blacklist",
                                                             "continue"};
  return kWords[static_cast<std::size_t>(action)];
}

std::string_view text(Comparison comparison) {
  static constexpr std::array<std::string_view, 6> kWords = {"==", "!=", "<", ">", "<=", ">="};
  return kWords[static_cast<std::size_t>(comparison)];
}

std::string_view text(Subject subject) {
  static constexpr std::array<std::string_view, 9> kWords = {"domain", "helo", "from",   "rawfrom", "rcpt",
                                                             "auth",   "tls",  "header", "body"};
  return kWords[static_cast<std::size_t>(subject)];
}

std::string text(const Test& test, const Configuration& configuration) {
  return std::visit(TestText(configuration), test);
}

std::string_view step_of(Stage stage) {
  return stage == Stage::recipient ? "greylist.racl" : "greylist.dacl";
}

std::string_view text(Quantity quantity) {
  switch (quantity) {
    case Quantity::msgsize:
      return "msgsize";
    case Quantity::rcptcount:
      return "rcptcount";
    case Quantity::passed:
      return "passed";
  }
  return "";
}

namespace {

/// What follows on stage, action and name.
void append_rest(const Rule& rule, const Configuration& configuration, std::string& out) {
  if (rule.clauses.empty()) out += " default";
  for (const auto& clause : rule.clauses) {
    out += clause.negated ? " not " : " ";
    out += text(clause.test, configuration);
  }
  append_values(rule.values, out);
}

}  // namespace

std::string text(const Rule& rule, const Configuration& configuration) {
  std::string out(text(rule.stage));
  if (!rule.id.empty()) out.append(" ").append(quoted(rule.id));
  out.append(" ").append(text(rule.action));
  append_rest(rule, configuration, out);
  return out;
}

std::string logged_text(const Rule& rule, const Configuration& configuration) {
  std::string out(text(rule.stage));
  out.append(" ").append(std::to_string(rule.last_line)).append(" ").append(text(rule.action));
  if (!rule.id.empty()) out.append(" ").append(quoted(rule.id));
  append_rest(rule, configuration, out);
  return out;
}

}  // namespace hikyaku::greylist
