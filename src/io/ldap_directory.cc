#include "io/ldap_directory.h"

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::io {
namespace {

using Time = std::chrono::steady_clock::time_point;

struct FreeName {
  void operator()(char* name) const { ldap_memfree(name); }
};
struct FreeBer {
  void operator()(BerElement* element) const { ber_free(element, 0); }
};
using Name = std::unique_ptr<char, FreeName>;

std::chrono::milliseconds left_of(Time until) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
}

void take_entry(LDAP* connection, LDAPMessage* entry, LdapFound& found) {
  ++found.entries;
  BerElement* raw = nullptr;
  Name name(ldap_first_attribute(connection, entry, &raw));
  const std::unique_ptr<BerElement, FreeBer> element(raw);
  for (; name; name.reset(ldap_next_attribute(connection, entry, raw))) {
    const LdapValues values(ldap_get_values_len(connection, entry, name.get()));
    for (auto** one = values.get(); one != nullptr && *one != nullptr; ++one)
      if (found.values.size() < LdapDirectory::kMostValues)
        found.values.emplace_back(name.get(), std::string((*one)->bv_val, (*one)->bv_len));
  }
}

/// A result code of LDAP; LDAP_SUCCESS: it is `found`.
int search_on(LDAP* connection, const LDAPURLDesc& url, Time until, LdapFound& found) {
  auto patience = ldap_time(std::max(left_of(until), std::chrono::milliseconds(1)));
  LDAPMessage* raw = nullptr;
  const int code =
      ldap_search_ext_s(connection, url.lud_dn == nullptr ? "" : url.lud_dn, url.lud_scope, url.lud_filter,
                        url.lud_attrs, 0, nullptr, nullptr, &patience, LdapDirectory::kMostEntries, &raw);
  const LdapMessage answer(raw);
  if (code == LDAP_NO_SUCH_OBJECT) return LDAP_SUCCESS;
  // Where there are more than were asked for, those came.
  if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED) return code;
  for (auto* entry = ldap_first_entry(connection, answer.get()); entry != nullptr;
       entry = ldap_next_entry(connection, entry))
    take_entry(connection, entry, found);
  return LDAP_SUCCESS;
}

bool next_may_know(int code) { return ldap_connection_lost(code) || code == LDAP_TIMEOUT; }

}  // namespace

LdapDirectory::LdapDirectory(std::vector<LdapServer> servers) {
  for (auto& one : servers) servers_.push_back(std::make_unique<Server>(std::move(one)));
}

Result<LdapFound> LdapDirectory::search(const std::string& url, Time until) {
  LDAPURLDesc* raw = nullptr;
  if (ldap_url_parse(url.c_str(), &raw) != LDAP_URL_SUCCESS)
    return fail(Fault::malformed, "not an LDAP URL: " + escaped(url));
  const LdapUrl parsed(raw);
  std::string failures;
  const auto failed = [&](const std::string& text) {
    failures.append(failures.empty() ? "" : "; ").append(text);
  };
  for (auto& server : servers_) {
    const auto& name = server->settings.uris;
    // One that was kept may have been closed by the other end: then a new one is made.
    for (auto kept = server->idle.take();; kept.reset()) {
      if (left_of(until).count() <= 0) {
        failed("no time is left");
        return fail(Fault::temporary, failures);
      }
      const bool is_new = !kept;
      if (is_new) {
        auto settings = server->settings;
        settings.timeout = std::min(settings.timeout, left_of(until));
        auto connection = ldap_connect(settings, "LDAP");
        if (!connection) {
          failed(connection.error().text);
          break;
        }
        kept = std::move(*connection);
      }
      LdapFound found;
      const auto patience = std::min(until, std::chrono::steady_clock::now() + server->settings.timeout);
      const int code = search_on(kept->get(), *parsed, patience, found);
      if (code == LDAP_SUCCESS) {
        server->idle.put(std::move(*kept));
        return found;
      }
      if (ldap_connection_lost(code) && !is_new) continue;
      failed(name + ": " + ldap_err2string(code));
      if (next_may_know(code)) break;
      return fail(Fault::temporary, failures);
    }
  }
  return fail(Fault::temporary, failures);
}

}  // namespace hikyaku::io
