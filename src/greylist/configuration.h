#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/origin.h"
#include "greylist/rule.h"
#include "greylist/rule_index.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// A setting's value, and where it was given; built in where it was not.
template <class T>
struct Setting {
  T value;
  Origin origin{};
  bool given() const { return !origin.built_in(); }
  void set(T to, Origin where) {
    value = std::move(to);
    origin = where;
  }
};

/// Which messages get an X-Greylist header.
enum class Report : unsigned char { none, delays, nodelays, all };

/// An address and port of the peer protocol; no address: all of the machine's.
struct SyncAddress {
  std::optional<table::Ip> ip;
  std::optional<std::uint16_t> port;
  bool operator==(const SyncAddress&) const = default;
};

struct Peer {
  std::string host;  ///< an address or a name
  std::chrono::seconds timeout{3};
  Origin origin;
};

/// `dnsrbl "name" domain address[/prefix]`: the client is listed when an answer is in the network.
struct DnsrblDefinition {
  std::string name, domain;
  table::Network answers;
  Origin origin;
};

struct MacroDefinition {
  struct Unset {};
  std::string name, macro;  ///< macro: "{client_addr}", as the filter protocol names it
  std::variant<Pattern, Unset> test;
  Origin origin;
};

struct RatelimitDefinition {
  enum class Counted : unsigned char { rcpt, session, data };
  std::string name;
  Counted counted = Counted::rcpt;
  std::int64_t limit = 0;
  std::chrono::seconds period{0};
  std::string key_format;  ///< empty: the client's address
  Origin origin;
};

struct UrlcheckDefinition {
  std::string name, url_format;
  std::size_t most_at_a_time = 1;
  bool postmsg = false, getprop = false, clear = false, fork = false, noencode = false;
  Origin origin;
};

struct LdapSettings {
  std::string uris, bind_dn, bind_password;
  std::optional<std::chrono::seconds> timeout;
  bool operator==(const LdapSettings&) const = default;
};
struct LdapcheckDefinition {
  std::string name, url_format;
  bool clear = false, domatch = false, noescape = false;
  Origin origin;
};

struct TsigKey {
  std::string name, algorithm, secret;
  Origin origin;
};
struct NsupdateDefinition {
  std::string name, servers, rname_format, rvalue_format, tsig;
  std::chrono::seconds ttl{0};
  std::optional<std::uint16_t> record_class, record_type;
  Origin origin;
};

/// `stat`: a line for each recipient's fate, to a file (">file", ">>file") or a command ("|command").
struct StatSetting {
  std::string output, format;
};

/// greylist.conf, read and checked: the texts of rules are compiled, names of what is defined elsewhere are
/// resolved. Immutable once made; shared by all threads.
struct Configuration {
  // How long (greylist.conf(5), "TIMING").
  Setting<std::chrono::seconds> greylist{std::chrono::minutes(30)};
  Setting<std::chrono::seconds> autowhite{std::chrono::days(1)};  ///< 0: off
  Setting<std::chrono::seconds> timeout{std::chrono::days(5)};
  Setting<std::optional<std::chrono::seconds>> tarpit{std::nullopt};
  Setting<TarpitScope> tarpit_scope{TarpitScope::session};
  Setting<unsigned> subnetmatch{32}, subnetmatch6{128};  ///< octets in front that make a client the same

  // What is done, and what is not.
  Setting<bool> lazyaw{false}, quiet{false}, noaccessdb{false}, delayedreject{false}, multiracl{false};
  /// Set by the setting, or by a clause that looks at what would else be decided before all rules.
  Setting<bool> noauth{false}, nospf{false};
  Setting<bool> testmode{false}, domainexact{false}, unbracket{false};
  /// Expressions below its line were read as extended ones; those that properties hold are.
  Setting<bool> extendedregex{false};
  Setting<Report> report{Report::all};
  Setting<std::optional<std::int64_t>> maxpeek{std::nullopt};  ///< octets
  Setting<std::optional<table::Ip>> localaddr{std::nullopt};

  // The state, and who shares it.
  Setting<std::string> dumpfile{"/var/milter-greylist/greylist.db"};
  std::optional<unsigned> dumpfile_mode;
  Setting<std::chrono::seconds> dumpfreq{std::chrono::minutes(10)};  ///< 0: at each change; -1: never
  Setting<bool> dump_no_time_translation{false};
  Setting<SyncAddress> syncaddr{{}}, syncsrcaddr{{}};
  Setting<std::size_t> syncmaxqlen{1024};
  std::vector<Peer> peers;

  // The process.
  Setting<std::string> socket{""}, pidfile{""}, user{""};
  std::optional<unsigned> socket_mode;
  Setting<bool> nodetach{false}, verbose{false}, logexpired{false};
  Setting<std::string> logfac{"mail"};  ///< a facility of syslog(3) in lower case, or "none"

  // What rules ask.
  Setting<std::string> geoipdb{""}, geoipv6db{""}, geoip2db{""};
  std::vector<DnsrblDefinition> dnsrbls;
  std::vector<MacroDefinition> macros;
  std::vector<RatelimitDefinition> ratelimits;
  std::vector<UrlcheckDefinition> urlchecks;
  std::optional<LdapSettings> ldap;
  Setting<bool> fixldapcheck{false};
  std::vector<LdapcheckDefinition> ldapchecks;
  std::vector<TsigKey> tsig_keys;
  std::vector<NsupdateDefinition> nsupdates;
  std::vector<List> lists;
  std::optional<StatSetting> stat;

  /// In the order in which they are looked at: of the old one-clause lines the last one first, then `acl`,
  /// `racl` and `dacl` lines as they stand.
  std::vector<Rule> rules;
  /// Of the rules as they are above, of each stage, and of the lists; built when all were read.
  FactIndex recipient_index, message_index;
  std::vector<std::optional<FactIndex>> list_indexes;  ///< empty: lists are looked through
  void build_index();
  const FactIndex& index(Stage stage) const {
    return stage == Stage::recipient ? recipient_index : message_index;
  }
};

}  // namespace hikyaku::greylist
