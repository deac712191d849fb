#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/origin.h"
#include "base/random.h"
#include "config/files.h"
#include "config/pop3_settings.h"
#include "config/smtp_settings.h"
#include "config/tls_settings.h"
#include "io/table_files.h"
#include "io/tls_client.h"
#include "io/tls_server.h"
#include "policy/access.h"
#include "policy/local_submission.h"
#include "policy/settings.h"
#include "rewrite/local_aliases.h"
#include "rewrite/outbound.h"
#include "rewrite/rewriter.h"
#include "route/destination_search.h"
#include "route/router.h"
#include "serve/hub_greylist.h"
#include "serve/include_files.h"
#include "serve/incoming_message.h"
#include "serve/mailbox_rules.h"
#include "serve/sender_rewriting.h"

namespace hikyaku::serve {

class MilterSet;

/// One line of master.cf that listens.
struct Listener {
  std::string log_tag = "smtpd";
  std::string host;  ///< an address
  std::uint16_t port = 0;
  Origin origin;
  /// A POP3 service: then it takes no mail, and what concerns that is empty here.
  std::optional<config::Pop3ServerSettings> pop3;
  config::SmtpServerSettings smtp;
  std::shared_ptr<const policy::Settings> policy;
  policy::RateLimits rates;
  bool peername_lookup = true;         ///< smtpd_peername_lookup
  std::shared_ptr<io::TlsServer> tls;  ///< null without TLS
  bool show_sasl_user = false;         ///< smtpd_sasl_authenticated_header
  bool show_tls = false;               ///< smtpd_tls_received_header
  std::string dovecot_path;  ///< smtpd_sasl_path with smtpd_sasl_type = dovecot; empty: our own users
  std::string sasl_domain;   ///< smtpd_sasl_local_domain
  std::shared_ptr<const rewrite::Rewriter> rewriter;  ///< by this line's receive_override_options and clients
  std::shared_ptr<const MilterSet> milters;           ///< smtpd_milters, smtpd_milter_maps; null: none
  bool greylists = false;                             ///< hikyaku_greylist
  std::string content_filter;  ///< where what comes in here is sent instead of to its recipients; empty: none
};

/// One line of master.cf that mail leaves by.
struct Transport {
  std::string name, command;
  config::Service::Role role = config::Service::Role::unsupported;
  Origin origin;
  route::TransportLimits limits;
  bool soft_bounce = false;
  // Of those that run a client, smtp or lmtp:
  smtp::Protocol protocol = smtp::Protocol::smtp;
  std::unique_ptr<rewrite::Outbound> outbound;
  config::SmtpClientSettings client;
  route::SearchSettings search;
  bool native_lookup = false;            ///< smtp_host_lookup = native
  std::vector<route::NextHop> fallback;  ///< smtp_fallback_relay
  std::string bind_address, bind_address6;
  config::TlsClientPolicy tls_policy;
  bool tls_wrapper = false;            ///< smtp_tls_wrappermode
  std::shared_ptr<io::TlsClient> tls;  ///< null without TLS

  struct Login {
    std::string user, password;
  };
  /// The login for a server (smtp_sasl_password_maps): the sender's own (not for <>), then the host's, then
  /// the next hop's. An Error when a table can't answer.
  Result<std::optional<Login>> login(const mail::Address& sender, const std::string& host,
                                     const std::string& next_hop, const route::Router& router,
                                     Explanation& why) const;
  Origin password_origin;
};

/// One configuration, compiled and ready: what a hub works by. Immutable once it is made; a reload makes
/// another.
struct Running {
  std::shared_ptr<SourceCatalogue> sources;
  config::Files files;
  std::shared_ptr<io::TableFiles> tables;
  bool tables_ask_others = false;  ///< lookups may wait for servers: see Services::lookups_for()
  std::string hostname;
  std::string queue_directory, data_directory;
  std::shared_ptr<const rewrite::Rewriter> rewriter;
  std::unique_ptr<route::Router> router;
  std::unique_ptr<const SenderRewriting> sender_rewriting;  ///< null: hikyaku_srs_domain is not set
  std::unique_ptr<policy::AddressResolver> addresses;       ///< the router as the access rules see it
  table::Delimiters delimiters;
  LocalIncludeFiles include_files;
  std::unique_ptr<rewrite::LocalAliases> aliases;  ///< of the `local` transport
  struct CommandSettings {
    std::string user;                   ///< default_privs
    std::chrono::seconds time_limit{};  ///< command_time_limit
    std::vector<std::string> exported;  ///< export_environment: NAME or NAME=value
  } command;                            ///< of commands that aliases name
  table::Maps local_users;              ///< local_recipient_maps without the tables of alias_maps
  Origin local_users_origin;
  route::RetrySchedule retry;
  IncomingLimits incoming;
  std::uint64_t bounce_size_limit = 50000;
  bool soft_bounce = false;
  std::uint64_t needed_free = 0;  ///< octets of disk without which no mail is taken (queue_minfree)
  std::vector<std::string> deferred_transports;  ///< defer_transports
  std::size_t active_limit = 20000;              ///< qmgr_message_active_limit
  std::size_t content_memory =
      0;  ///< hikyaku_queue_memory: octets of small messages kept until they are delivered
  std::uint64_t mailbox_quota = 0;  ///< hikyaku_mailbox_quota, octets; 0: none
  Origin mailbox_quota_origin;
  std::uint32_t mailbox_catalogue = 0;  ///< the file of an Origin: $data_directory/mailboxes/catalogue
  std::chrono::seconds mailbox_log_lifetime{};   ///< hikyaku_mailbox_log_lifetime
  std::chrono::seconds removed_mail_lifetime{};  ///< hikyaku_removed_mail_lifetime
  std::shared_ptr<const policy::RetentionMaps> retention =
      std::make_shared<policy::RetentionMaps>();  ///< hikyaku_mailbox_expire_maps
  /// Mail that local programs hand in by the sendmail command.
  struct LocalMail {
    std::shared_ptr<const rewrite::Rewriter> rewriter;
    std::string content_filter;
    std::shared_ptr<const MilterSet> milters;  ///< non_smtpd_milters; null: none
    policy::LocalSubmission who;
    std::uint64_t size_limit = 0;  ///< message_size_limit, octets; 0: none
  } local_mail;
  std::shared_ptr<const MilterSet>
      notice_milters;  ///< non_smtpd_milters, of the hub's own notices; null: none
  HubGreylist greylist;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::map<std::string, Transport, std::less<>> transports;

  MailboxRules mailbox_rules() const { return {retention, removed_mail_lifetime}; }
  const Transport* transport(std::string_view name) const;
  /// The listener for mail at `port`; for 0 that of port 25, or else the first. Null: there is none.
  const Listener* listener(unsigned port) const;
  /// Whether the copy for `recipient` leaves with a rewritten sender: SenderRewriting::applies(), of mail
  /// that leaves by SMTP.
  Result<bool> rewrites_sender(const mail::Address& sender, const record::Recipient& recipient,
                               const route::Route& route, Explanation& why) const;
};

/// Compiles the configuration. Opens tables and certificates; blocks. Everything that is wrong goes to
/// `diagnostics`; null when any of it is an error: a bad configuration never starts half a hub.
std::shared_ptr<const Running> compile(const config::FileTexts& texts, const config::System& system,
                                       const std::shared_ptr<SourceCatalogue>& sources, Random& random,
                                       config::Diagnostics& diagnostics);

}  // namespace hikyaku::serve
