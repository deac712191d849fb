#pragma once
#include <ldap.h>
#include <sys/time.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

struct LdapUnbind {
  void operator()(LDAP* connection) const { ldap_unbind_ext_s(connection, nullptr, nullptr); }
};
struct LdapFreeMessage {
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
};
struct LdapFreeValues {
  void operator()(berval** values) const { ldap_value_free_len(values); }
};
struct LdapFreeUrl {
  void operator()(LDAPURLDesc* url) const { ldap_free_urldesc(url); }
};
using LdapConnection = std::unique_ptr<LDAP, LdapUnbind>;
using LdapMessage = std::unique_ptr<LDAPMessage, LdapFreeMessage>;
using LdapValues = std::unique_ptr<berval*, LdapFreeValues>;
using LdapUrl = std::unique_ptr<LDAPURLDesc, LdapFreeUrl>;

/// Where a directory is, and who asks it.
struct LdapServer {
  std::string uris;  ///< separated by spaces; the first that can be reached is asked
  std::chrono::milliseconds timeout{10'000};
  int dereference = 0;
  bool bind = true, chase_referrals = false, start_tls = false;
  std::string bind_dn, bind_password;  ///< empty: nobody
  /// That of the server is demanded, wanted, or left to the system's ldap.conf.
  enum class Certificate : unsigned char { demanded, wanted, as_configured };
  Certificate server_certificate = Certificate::wanted;
  std::string ca_file, ca_folder, certificate, key, ciphers;
};

/// A connection on which the server is to be asked; version 3 of the protocol. `name` begins the text of an
/// Error, which is Fault::temporary. Blocks, up to `timeout` for each server and step.
Result<LdapConnection> ldap_connect(const LdapServer& server, std::string_view name);

timeval ldap_time(std::chrono::milliseconds time);

/// Whether it is not the question but the connection that failed.
bool ldap_connection_lost(int code);

}  // namespace hikyaku::io
