#include "config/greylist_conf.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "config/greylist_reader.h"
#include "config/greylist_values.h"
#include "config/greylist_words.h"
#include "config/spelling.h"

namespace hikyaku::config {
namespace {

using namespace greylist;
namespace values = greylist_values;

constexpr std::array kFacilities =
    std::to_array<std::string_view>({"kern",   "user",   "mail",   "daemon",   "auth",   "syslog", "lpr",
                                     "news",   "uucp",   "cron",   "authpriv", "ftp",    "local0", "local1",
                                     "local2", "local3", "local4", "local5",   "local6", "local7", "none"});

class Reader {
 public:
  Reader(std::string_view text, std::uint32_t file, Diagnostics& diagnostics)
      : scanner_(text, file, diagnostics), reading_{scanner_, configuration_, file} {}

  Configuration read() {
    while (scanner_.next_statement()) {
      const auto origin = scanner_.here();
      scanner_.mark();
      const auto word = scanner_.word();
      if (word.empty()) {
        scanner_.expected("a setting or a rule");
      } else if (!read_statement(word, origin)) {
        unknown(word);
      }
      scanner_.end();
    }
    auto& rules = configuration_.rules;
    auto& short_rules = reading_.short_rules;
    rules.insert(rules.begin(), std::make_move_iterator(short_rules.rbegin()),
                 std::make_move_iterator(short_rules.rend()));
    configuration_.build_index();
    return std::move(configuration_);
  }

 private:
  bool read_statement(const std::string& word, Origin origin) {
    if (word == "acl" || word == "racl" || word == "dacl") {
      read_rule(reading_, word, origin);
    } else if (word == "addr" || word == "from" || word == "rawfrom" || word == "rcpt" || word == "domain") {
      read_short_rule(reading_, word, origin);
    } else if (read_definition(reading_, word, origin) || read_flag(word, origin) ||
               read_time(word, origin) || read_path(word, origin) || read_retired(word)) {
    } else {
      return read_other(word, origin);
    }
    return true;
  }

  void unknown(const std::string& word) {
    std::vector<std::string_view> words;
    for (const auto& known : greylist_statements()) words.push_back(known.word);
    const auto near = nearest(word, words);
    std::string text = "there is no \"" + word + "\"";
    if (!near.empty()) text.append("; is \"").append(near).append("\" meant?");
    scanner_.error(std::move(text));
  }

  /// A value counts once the whole statement was read.
  template <class T>
  void set(Setting<T>& setting, T value, Origin origin) {
    scanner_.end();
    if (!scanner_.failed()) setting.set(std::move(value), origin);
  }

  bool read_flag(const std::string& word, Origin origin) {
    struct Flag {
      std::string_view word;
      Setting<bool> Configuration::*setting;
    };
    static constexpr std::array<Flag, 15> kFlags = {
        {{"lazyaw", &Configuration::lazyaw},
         {"quiet", &Configuration::quiet},
         {"noaccessdb", &Configuration::noaccessdb},
         {"delayedreject", &Configuration::delayedreject},
         {"multiracl", &Configuration::multiracl},
         {"noauth", &Configuration::noauth},
         {"nospf", &Configuration::nospf},
         {"testmode", &Configuration::testmode},
         {"domainexact", &Configuration::domainexact},
         {"unbracket", &Configuration::unbracket},
         {"dump_no_time_translation", &Configuration::dump_no_time_translation},
         {"nodetach", &Configuration::nodetach},
         {"verbose", &Configuration::verbose},
         {"logexpired", &Configuration::logexpired},
         {"fixldapcheck", &Configuration::fixldapcheck}}};
    if (word == "extendedregex") {
      reading_.syntax = Pattern::Syntax::extended;
      set(configuration_.extendedregex, true, origin);
      return true;
    }
    for (const auto& flag : kFlags) {
      if (flag.word != word) continue;
      set(configuration_.*flag.setting, true, origin);
      return true;
    }
    return false;
  }

  bool read_time(const std::string& word, Origin origin) {
    auto& all = configuration_;
    if (word == "greylist") {
      set(all.greylist, values::duration(scanner_), origin);
    } else if (word == "autowhite") {
      set(all.autowhite, values::duration(scanner_), origin);
    } else if (word == "timeout") {
      set(all.timeout, values::duration(scanner_), origin);
    } else if (word == "dumpfreq") {
      set(all.dumpfreq, values::signed_duration(scanner_), origin);
    } else if (word == "tarpit") {
      set(all.tarpit, std::optional(values::duration(scanner_)), origin);
    } else {
      return false;
    }
    return true;
  }

  bool read_path(const std::string& word, Origin origin) {
    auto& all = configuration_;
    if (word == "pidfile") {
      set(all.pidfile, values::path(scanner_), origin);
    } else if (word == "user") {
      set(all.user, values::path(scanner_), origin);
    } else if (word == "geoipdb") {
      set(all.geoipdb, values::path(scanner_), origin);
    } else if (word == "geoipv6db") {
      set(all.geoipv6db, values::path(scanner_), origin);
    } else if (word == "geoip2db") {
      set(all.geoip2db, values::path(scanner_), origin);
    } else if (word == "dumpfile") {
      auto path = values::path(scanner_);
      std::optional<unsigned> mode;
      if (!scanner_.at_end()) mode = values::file_mode(scanner_);
      set(all.dumpfile, std::move(path), origin);
      if (!scanner_.failed()) all.dumpfile_mode = mode;
    } else if (word == "socket") {
      read_socket(origin);
    } else {
      return false;
    }
    return true;
  }

  void read_socket(Origin origin) {
    auto path = values::path(scanner_);
    std::optional<unsigned> mode;
    if (!scanner_.at_end()) {
      mode = values::file_mode(scanner_);
      if (*mode != 0666 && *mode != 0660 && *mode != 0600)
        scanner_.error("the mode is one of 666, 660 and 600");
    }
    set(configuration_.socket, std::move(path), origin);
    if (!scanner_.failed()) configuration_.socket_mode = mode;
  }

  bool read_retired(const std::string& word) {
    if (word == "drac") {
      if (!scanner_.take_word("db")) scanner_.expected("db and a path in quotes");
      values::path(scanner_);
      scanner_.warning("drac is retired: nobody is whitelisted for having read mail; use the clause auth");
    } else if (word == "nodrac") {
      scanner_.warning("drac is retired: this line changes nothing");
    } else if (word == "p0fsock") {
      values::path(scanner_);
      scanner_.warning("p0f is retired: rules with the clause p0f are left out");
    } else if (word == "spamdsock") {
      if (!scanner_.take_word("inet") && !scanner_.take_word("unix")) scanner_.expected("inet or unix");
      values::path(scanner_);
      scanner_.warning(
          "spamd is retired here: rules with the clause spamd are left out; run a filter for it");
    } else {
      return false;
    }
    return true;
  }

  bool read_other(const std::string& word, Origin origin) {
    auto& all = configuration_;
    if (word == "subnetmatch") {
      set(all.subnetmatch, values::prefix(scanner_, 32), origin);
    } else if (word == "subnetmatch6") {
      set(all.subnetmatch6, values::prefix(scanner_, 128), origin);
    } else if (word == "syncaddr") {
      set(all.syncaddr, sync_address(), origin);
    } else if (word == "syncsrcaddr") {
      set(all.syncsrcaddr, sync_address(), origin);
    } else if (word == "syncmaxqlen") {
      set(all.syncmaxqlen, static_cast<std::size_t>(values::small_number(scanner_, 10'000'000)), origin);
    } else if (word == "maxpeek") {
      set(all.maxpeek, std::optional(values::number(scanner_)), origin);
    } else if (word == "localaddr") {
      set(all.localaddr, std::optional(values::ip(scanner_)), origin);
    } else if (word == "report") {
      set(all.report, report(), origin);
    } else if (word == "tarpit_scope") {
      const bool command = scanner_.take_word("command");
      if (!command && !scanner_.take_word("session")) scanner_.expected("session or command");
      set(all.tarpit_scope, command ? TarpitScope::command : TarpitScope::session, origin);
    } else if (word == "logfac") {
      auto facility = scanner_.word();
      if (std::find(kFacilities.begin(), kFacilities.end(), facility) == kFacilities.end())
        scanner_.error("the facility is one of syslog(3)'s, such as mail or local0, or none");
      set(all.logfac, std::move(facility), origin);
    } else {
      return false;
    }
    return true;
  }

  Report report() {
    if (scanner_.take_word("none")) return Report::none;
    if (scanner_.take_word("delays")) return Report::delays;
    if (scanner_.take_word("nodelays")) return Report::nodelays;
    if (!scanner_.take_word("all")) scanner_.expected("none, delays, nodelays or all");
    return Report::all;
  }

  SyncAddress sync_address() {
    SyncAddress out;
    if (!scanner_.take('*')) out.ip = values::ip(scanner_);
    if (scanner_.take_word("port"))
      out.port = static_cast<std::uint16_t>(values::small_number(scanner_, 65535));
    return out;
  }

  GreylistScanner scanner_;
  Configuration configuration_;
  GreylistReading reading_;
};

}  // namespace

greylist::Configuration read_greylist_conf(std::string_view text, std::uint32_t file,
                                           Diagnostics& diagnostics) {
  return Reader(text, file, diagnostics).read();
}

}  // namespace hikyaku::config
