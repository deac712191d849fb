#include "io/ldap_table.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/escape.h"
#include "io/asked_table.h"
#include "io/idle_connections.h"
#include "io/ldap_connection.h"
#include "table/fold.h"

namespace hikyaku::io {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void put_hex(std::string& out, char c) {
  const auto octet = static_cast<unsigned char>(c);
  out += '\\';
  out += kHexDigits[octet >> 4U];
  out += kHexDigits[octet & 15U];
}

/// RFC 4515 s. 3
std::string quoted_for_filter(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '(' || c == ')' || c == '\\' || c == '\0') {
      put_hex(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

/// RFC 4514 s. 2.4
std::string quoted_for_name(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == text.size() && c == ' ');
    if (edge || std::string_view("\"+,;<>\\=").find(c) != std::string_view::npos || c == '\0') {
      put_hex(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

struct LdapSettings {
  LdapServer server;
  std::int64_t recursion_limit = 1000, size_limit = 0;
  table::QueryFormat base, filter;
  int scope = LDAP_SCOPE_SUBTREE;
  std::vector<std::string> attributes, special, terminal, leaf;
};

class LdapTable final : public AskedTable {
 public:
  LdapTable(Common common, LdapSettings settings)
      : AskedTable(std::move(common)), settings_(std::move(settings)) {
    for (const auto* names :
         {&settings_.attributes, &settings_.special, &settings_.terminal, &settings_.leaf}) {
      for (const auto& one : *names) {
        if (std::ranges::find(wanted_, one) == wanted_.end()) wanted_.push_back(one);
      }
    }
  }

 protected:
  Values ask(std::string_view key) const override {
    const auto base = settings_.base.fill(key, key, quoted_for_name);
    const auto filter = settings_.filter.fill(key, key, quoted_for_filter);
    if (!base || !filter) return std::vector<std::string>{};
    if (auto kept = idle_.take()) {
      Search search(*this, kept->get());
      auto values = search.run(*base, *filter);
      if (values) idle_.put(std::move(*kept));
      if (values || !search.connection_lost()) return values;
    }
    auto connection = ldap_connect(settings_.server, name());
    if (!connection) return std::unexpected(std::move(connection.error()));
    auto values = Search(*this, connection->get()).run(*base, *filter);
    if (values) idle_.put(std::move(*connection));
    return values;
  }

 private:
  /// One key's search, with those that its entries refer to.
  class Search {
   public:
    Search(const LdapTable& table, LDAP* connection) : table_(table), connection_(connection) {}

    Values run(const std::string& base, const std::string& filter) {
      if (auto done = search(base, table_.settings_.scope, filter, 0); !done)
        return std::unexpected(std::move(done.error()));
      return std::move(values_);
    }
    bool connection_lost() const { return lost_; }

   private:
    Result<void> search(const std::string& base, int scope, const std::string& filter, std::int64_t depth) {
      const auto& settings = table_.settings_;
      std::vector<char*> attributes;
      for (const auto& one : table_.wanted_) attributes.push_back(const_cast<char*>(one.c_str()));
      attributes.push_back(nullptr);
      auto patience = ldap_time(settings.server.timeout);
      LDAPMessage* raw = nullptr;
      const int code =
          ldap_search_ext_s(connection_, base.c_str(), scope, filter.c_str(), attributes.data(), 0, nullptr,
                            nullptr, &patience, static_cast<int>(settings.size_limit), &raw);
      const LdapMessage answer(raw);
      if (code == LDAP_NO_SUCH_OBJECT) return {};
      if (code != LDAP_SUCCESS) {
        lost_ = ldap_connection_lost(code);
        return fail(Fault::temporary, table_.name() + ": the search failed: " + ldap_err2string(code));
      }
      for (auto* entry = ldap_first_entry(connection_, answer.get()); entry != nullptr;
           entry = ldap_next_entry(connection_, entry)) {
        if (auto taken = take(entry, depth); !taken) return taken;
      }
      return {};
    }

    std::vector<std::string> values_of(LDAPMessage* entry, const std::vector<std::string>& names) const {
      std::vector<std::string> all;
      for (const auto& name : names) {
        const LdapValues values(ldap_get_values_len(connection_, entry, name.c_str()));
        for (auto** one = values.get(); one != nullptr && *one != nullptr; ++one)
          all.emplace_back((*one)->bv_val, (*one)->bv_len);
      }
      return all;
    }

    Result<void> take(LDAPMessage* entry, std::int64_t depth) {
      const auto& settings = table_.settings_;
      if (auto terminal = values_of(entry, settings.terminal); !terminal.empty()) {
        std::ranges::move(terminal, std::back_inserter(values_));
        return {};
      }
      std::ranges::move(values_of(entry, settings.attributes), std::back_inserter(values_));
      const auto references = values_of(entry, settings.special);
      if (references.empty()) std::ranges::move(values_of(entry, settings.leaf), std::back_inserter(values_));
      for (const auto& reference : references) {
        if (depth + 1 > settings.recursion_limit) {
          return fail(Fault::temporary, table_.name() + ": entries refer to entries beyond recursion_limit");
        }
        if (auto done = follow(reference, depth + 1); !done) return done;
      }
      return {};
    }

    Result<void> follow(const std::string& reference, std::int64_t depth) {
      if (ldap_is_ldap_url(reference.c_str()) == 0)
        return search(reference, LDAP_SCOPE_BASE, "(objectClass=*)", depth);
      LDAPURLDesc* raw = nullptr;
      if (ldap_url_parse(reference.c_str(), &raw) != LDAP_URL_SUCCESS)
        return fail(Fault::temporary, table_.name() + ": not an LDAP URL: " + escaped(reference, 200));
      const LdapUrl url(raw);
      return search(url->lud_dn == nullptr ? "" : url->lud_dn,
                    url->lud_scope == LDAP_SCOPE_DEFAULT ? LDAP_SCOPE_BASE : url->lud_scope,
                    url->lud_filter == nullptr ? "(objectClass=*)" : url->lud_filter, depth);
    }

    const LdapTable& table_;
    LDAP* connection_;
    std::vector<std::string> values_;
    bool lost_ = false;
  };

  LdapSettings settings_;
  std::vector<std::string> wanted_;
  mutable IdleConnections<LdapConnection> idle_;
};

/// Reads the settings; the first that is wrong stays.
class Reader {
 public:
  explicit Reader(table::SourceSettings& settings) : settings_(settings) {}

  std::int64_t number(std::string_view name, std::int64_t otherwise, std::int64_t least) {
    const auto value = settings_.number(name, otherwise, least);
    if (value) return *value;
    wrong(value.error());
    return otherwise;
  }
  bool yes_or_no(std::string_view name, bool otherwise) {
    const auto value = settings_.yes_or_no(name, otherwise);
    if (value) return *value;
    wrong(value.error());
    return otherwise;
  }
  table::QueryFormat format(std::string_view name, std::string_view otherwise) {
    auto format = table::QueryFormat::parse(settings_.text(name, otherwise));
    if (format) return std::move(*format);
    wrong({Fault::malformed, std::string(name) + ": " + format.error().text});
    return {};
  }
  int scope() {
    const auto text = settings_.text("scope", "sub");
    if (text == "sub") return LDAP_SCOPE_SUBTREE;
    if (text == "base") return LDAP_SCOPE_BASE;
    if (text == "one") return LDAP_SCOPE_ONELEVEL;
    wrong({Fault::malformed, "scope = " + escaped(text, 100) + ": it is sub, base or one"});
    return LDAP_SCOPE_SUBTREE;
  }
  bool bind() {
    const auto text = table::ascii_lower(settings_.text("bind", "yes"));
    if (text == "no" || text == "none") return false;
    if (text != "yes" && text != "simple")
      wrong({Fault::malformed, "bind = " + escaped(text, 100) + ": only no and simple are there"});
    return true;
  }
  std::string uris() {
    const auto port = number("server_port", LDAP_PORT, 1);
    auto hosts = settings_.list("server_host");
    if (hosts.empty()) hosts.emplace_back("localhost");
    std::string all;
    for (const auto& host : hosts) {
      if (!all.empty()) all += ' ';
      if (host.find("://") != std::string::npos) {
        all += host;
      } else {
        const bool has_port = host.rfind(':') != std::string::npos && !host.ends_with(']');
        all += "ldap://" + host + (has_port ? "" : ":" + std::to_string(port));
      }
    }
    return all;
  }
  Result<void> end() const {
    if (fault_) return std::unexpected(*fault_);
    return {};
  }

 private:
  void wrong(Error error) {
    if (!fault_) fault_ = std::move(error);
  }
  table::SourceSettings& settings_;
  std::optional<Error> fault_;
};

}  // namespace

Result<std::shared_ptr<const table::Table>> open_ldap_table(std::string_view spec,
                                                            table::SourceSettings& settings,
                                                            table::Opener& opener) {
  auto common = AskedTable::common(spec, settings, opener);
  if (!common) return std::unexpected(std::move(common.error()));
  common->origin = settings.origin("query_filter");
  Reader read(settings);
  LdapSettings made;
  auto& server = made.server;
  server.uris = read.uris();
  server.timeout = std::chrono::seconds(read.number("timeout", 10, 1));
  made.recursion_limit = read.number("recursion_limit", made.recursion_limit, 1);
  made.size_limit = read.number("size_limit", static_cast<std::int64_t>(common->expansion_limit), 0);
  server.dereference = static_cast<int>(read.number("dereference", 0, 0));
  made.base = read.format("search_base", "");
  made.filter = read.format("query_filter", "mailacceptinggeneralid=%s");
  made.scope = read.scope();
  made.attributes = settings.list("result_attribute");
  if (!settings.has("result_attribute")) made.attributes.emplace_back("maildrop");
  made.special = settings.list("special_result_attribute");
  made.terminal = settings.list("terminal_result_attribute");
  made.leaf = settings.list("leaf_result_attribute");
  server.bind = read.bind();
  server.bind_dn = settings.text("bind_dn");
  server.bind_password = settings.text("bind_pw");
  server.chase_referrals = read.number("chase_referrals", 0, 0) != 0;
  server.start_tls = read.yes_or_no("start_tls", false);
  if (read.yes_or_no("tls_require_cert", false))
    server.server_certificate = LdapServer::Certificate::demanded;
  server.ca_file = settings.text("tls_ca_cert_file");
  server.ca_folder = settings.text("tls_ca_cert_dir");
  server.certificate = settings.text("tls_cert");
  server.key = settings.text("tls_key");
  server.ciphers = settings.text("tls_cipher_suite");
  if (settings.text("version", "3") != "3")
    settings.remark("version",
                    "version 3 of the protocol is spoken: version 2 has been historic since RFC 3494");
  if (auto good = read.end(); !good) return std::unexpected(std::move(good.error()));
  return std::make_shared<LdapTable>(std::move(*common), std::move(made));
}

}  // namespace hikyaku::io
