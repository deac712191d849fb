#include "serve/running.h"

#include "serve/catalogue_file.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "config/local_submission_settings.h"
#include "config/milter_settings.h"
#include "config/policy_settings.h"
#include "config/retention_settings.h"
#include "config/rewrite_settings.h"
#include "config/route_settings.h"
#include "io/system_clock.h"
#include "serve/milter_chain.h"

namespace hikyaku::serve {
namespace {

using config::Diagnostics;
using config::Main;
using config::Service;

const io::SystemClock kClock;

/// Opens what is looked up while a connection begins, where nothing may wait.
class AnsweredHere final : public table::Opener {
 public:
  explicit AnsweredHere(table::Opener& files) : files_(files) {}
  Result<std::shared_ptr<const table::Table>> open(std::string_view spec, Origin where) override {
    auto opened = files_.open(spec, where);
    if (opened && (*opened)->asks_others()) {
      return fail(Fault::permanent, escaped(spec, 200) +
                                        ": a table that asks a server can't be used here, where each new "
                                        "connection would wait for it");
    }
    return opened;
  }
  Result<std::vector<table::Element>> list(std::string_view path, Origin where) override {
    return files_.list(path, where);
  }

 private:
  table::Opener& files_;
};

/// Builds one Running; each member adds what is wrong to the diagnostics.
class Compiler {
 public:
  Compiler(Running& running, const config::System& system, Diagnostics& diagnostics)
      : running_(running), main_(running.files.main), diagnostics_(diagnostics) {
    for (const auto& interface : system.interfaces) {
      if (const auto ip = table::Ip::parse(interface.address)) machine_.push_back(*ip);
    }
  }

  void compile() {
    basics();
    alias_files();
    running_.retention = std::make_shared<policy::RetentionMaps>(
        config::retention_settings(main_, *running_.tables, running_.sources, diagnostics_));
    running_.sender_rewriting = SenderRewriting::make(main_, *running_.tables, diagnostics_);
    running_.greylist = read_hub_greylist(main_, running_.sources, diagnostics_);
    running_.rewriter = rewriter(main_);
    auto routing = config::route_settings(main_, machine_, *running_.tables, diagnostics_);
    if (routing) {
      running_.delimiters = routing->delimiters;
      running_.router = std::make_unique<route::Router>(std::move(*routing));
      running_.addresses = std::make_unique<config::RoutedAddresses>(
          *running_.router, running_.sender_rewriting ? running_.sender_rewriting->srs().get() : nullptr,
          &kClock);
    }
    for (const auto& service : running_.files.master.services()) {
      if (service.kind == Service::Kind::inet) {
        if (service.role == Service::Role::smtp_server) smtp_listener(service);
        if (service.role == Service::Role::pop3_server) pop3_listener(service);
      } else {
        transport(service);
      }
    }
    local_mail();
    if (!running_.aliases) local_delivery(main_);  // no local transport: nothing asks, and nothing is missing
    const bool takes_mail =
        std::ranges::any_of(running_.listeners, [](const auto& one) { return !one->pop3; });
    if (!takes_mail && !diagnostics_.failed()) {
      diagnostics_.warning({}, "master.cf has no smtpd line of type inet: nobody can hand in mail");
    }
  }

 private:
  void basics();
  void alias_files();
  void local_delivery(const Main& view);
  std::optional<Listener> listener(const Service& service, const Main& view);
  void smtp_listener(const Service& service);
  void pop3_listener(const Service& service);
  void local_mail();
  void listen(const Listener& listener, const std::vector<std::string>& addresses);
  void transport(const Service& service);
  std::shared_ptr<const rewrite::Rewriter> rewriter(const Main& view);
  bool rewrites_like_main(const Main& view) const;
  void client(const Service& service, const Main& view, Transport& made);
  std::vector<std::string> listen_addresses(const Service& service, const Main& view);
  std::shared_ptr<io::TlsServer> tls_server(const config::TlsServerSettings& settings);

  Running& running_;
  const Main& main_;
  Diagnostics& diagnostics_;
  std::vector<table::Ip> machine_;
};

void Compiler::basics() {
  running_.hostname = main_.text("myhostname").text;
  running_.queue_directory = main_.text("queue_directory").text;
  running_.data_directory = main_.text("data_directory").text;
  running_.retry = config::retry_schedule(main_);
  running_.incoming.small_body = static_cast<std::size_t>(main_.size("hikyaku_small_body_limit"));
  running_.incoming.header_section = static_cast<std::size_t>(main_.size("hikyaku_header_section_limit"));
  running_.incoming.kept_header = static_cast<std::size_t>(main_.size("hikyaku_ledger_header_limit"));
  running_.incoming.long_queue_ids = main_.boolean("enable_long_queue_ids");
  running_.bounce_size_limit = static_cast<std::uint64_t>(main_.size("bounce_size_limit"));
  running_.soft_bounce = main_.boolean("soft_bounce");
  running_.active_limit = static_cast<std::size_t>(main_.integer("qmgr_message_active_limit"));
  // As Postfix: always room for one and a half of the largest mails.
  running_.needed_free = std::max(static_cast<std::uint64_t>(main_.size("queue_minfree")),
                                  static_cast<std::uint64_t>(main_.size("message_size_limit")) / 2 * 3);
  for (const auto& name : main_.list("defer_transports")) running_.deferred_transports.push_back(name.text);
  running_.mailbox_quota = static_cast<std::uint64_t>(main_.size("hikyaku_mailbox_quota"));
  running_.mailbox_quota_origin = main_.origin("hikyaku_mailbox_quota");
  running_.mailbox_catalogue = running_.sources->add(catalogue_path(running_.data_directory).string());
  running_.mailbox_log_lifetime = main_.duration("hikyaku_mailbox_log_lifetime");
  running_.removed_mail_lifetime = main_.duration("hikyaku_removed_mail_lifetime");
  running_.content_memory = static_cast<std::size_t>(main_.size("hikyaku_queue_memory"));
}

/// Before any table is opened: local_recipient_maps opens the same files.
void Compiler::alias_files() {
  std::vector<std::string> specs;
  const auto take = [&specs](const Main& view) {
    for (const auto& element : view.list("alias_maps")) specs.push_back(element.text);
  };
  take(main_);
  for (const auto& service : running_.files.master.services()) {
    if (service.role == Service::Role::local) take(running_.files.view(service));
  }
  running_.tables->have_alias_form(specs);
}

void Compiler::local_delivery(const Main& view) {
  auto settings = config::alias_settings(view, machine_, *running_.tables, diagnostics_);
  if (!settings) return;
  if (settings->files) {
    diagnostics_.warning(
        view.origin("allow_mail_to_files"),
        "allow_mail_to_files: the hub writes no files of others: mail for one is returned to "
        "its sender (5.7.1)");
    settings->files = false;
  }
  running_.command.user = view.text("default_privs").text;
  running_.command.time_limit = view.duration("command_time_limit");
  for (const auto& word : view.list("export_environment")) running_.command.exported.push_back(word.text);
  running_.aliases = std::make_unique<rewrite::LocalAliases>(std::move(*settings), running_.include_files);
  const auto aliases = view.list("alias_maps");
  std::vector<table::Element> users;
  for (const auto& element : view.list("local_recipient_maps")) {
    const bool alias =
        std::ranges::any_of(aliases, [&](const auto& one) { return one.text == element.text; });
    if (!alias) users.push_back({element.text, element.origin});
  }
  running_.local_users_origin = view.origin("local_recipient_maps");
  auto opened = table::Maps::open(users, *running_.tables);
  if (opened) {
    running_.local_users = std::move(*opened);
  } else {
    diagnostics_.error(running_.local_users_origin, "local_recipient_maps: " + opened.error().text);
  }
}

/// The addresses of a host name of master.cf; loopback and wildcard without asking anybody.
std::vector<std::string> addresses_of(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<std::string> addresses;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return addresses;
  for (auto* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, 64> text{};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) ==
        0) {
      addresses.emplace_back(text.data());
    }
  }
  freeaddrinfo(found);
  return addresses;
}

std::vector<std::string> Compiler::listen_addresses(const Service& service, const Main& view) {
  const auto protocols = view.text("inet_protocols").text;
  const bool v4 = protocols.find("ipv6") == std::string::npos || protocols.find("ipv4") != std::string::npos;
  const bool v6 = protocols.find("ipv6") != std::string::npos || protocols.find("all") != std::string::npos;
  std::vector<std::string> addresses;
  const auto add = [&](const std::string& address) {
    if (address.find(':') == std::string::npos ? v4 : v6) addresses.push_back(address);
  };
  if (!service.host.empty()) {
    if (table::Ip::parse(service.host)) {
      addresses.push_back(service.host);
    } else {
      for (const auto& address : addresses_of(service.host)) add(address);
    }
    if (addresses.empty())
      diagnostics_.error(service.origin, "no address of '" + service.host + "' to listen on", service.host);
    return addresses;
  }
  for (const auto& element : view.list("inet_interfaces")) {
    if (element.text == "all") {
      add("0.0.0.0");
      add("::");
    } else if (element.text == "loopback-only") {
      add("127.0.0.1");
      add("::1");
    } else if (table::Ip::parse(element.text)) {
      add(element.text);
    } else {
      for (const auto& address : addresses_of(element.text)) add(address);
    }
  }
  return addresses;
}

std::shared_ptr<const rewrite::Rewriter> Compiler::rewriter(const Main& view) {
  auto settings = config::rewrite_settings(view, machine_, *running_.tables, diagnostics_);
  if (!settings) return nullptr;
  if (running_.sender_rewriting && config::maps_addresses(view))
    settings->srs = running_.sender_rewriting->srs();
  return std::make_shared<const rewrite::Rewriter>(std::move(*settings));
}

/// What of the rewriting depends on the smtpd line that mail comes in by.
bool Compiler::rewrites_like_main(const Main& view) const {
  return std::ranges::all_of(
      std::array{"receive_override_options", "local_header_rewrite_clients", "mynetworks", "inet_interfaces",
                 "proxy_interfaces", "relay_clientcerts", "always_add_missing_headers"},
      [&](const char* name) { return view.text(name).text == main_.text(name).text; });
}

std::shared_ptr<io::TlsServer> Compiler::tls_server(const config::TlsServerSettings& settings) {
  auto made = io::TlsServer::make(settings);
  if (made) return std::move(*made);
  diagnostics_.error(settings.origin, made.error().text);
  return nullptr;
}

/// What all services have that clients connect to. Nothing: the diagnostics say why.
std::optional<Listener> Compiler::listener(const Service& service, const Main& view) {
  Listener made;
  made.log_tag = service.role == Service::Role::pop3_server ? "pop3" : "smtpd";
  const auto& syslog_name = view.text("syslog_name").text;
  if (const auto slash = syslog_name.find('/'); slash != std::string::npos)
    made.log_tag = syslog_name.substr(slash + 1) + "/" + made.log_tag;
  made.port = service.port;
  made.origin = service.origin;
  const bool dovecot = view.text("smtpd_sasl_type").text == "dovecot";
  if (dovecot) made.dovecot_path = view.text("smtpd_sasl_path").text;
  // What a Dovecot can do is only known when it is asked, and it may start later than we do: the mechanisms
  // that it is offered with are those that smtpd_sasl_mechanism_filter leaves of the usual ones.
  const std::vector<std::string> mechanisms =
      dovecot ? std::vector<std::string>{"PLAIN", "LOGIN"}
              : std::vector<std::string>{"PLAIN", "LOGIN", "SCRAM-SHA-256"};
  AnsweredHere here(*running_.tables);
  auto smtp = config::smtp_server_settings(view, smtp::Protocol::smtp, mechanisms, here, diagnostics_);
  made.rates = config::rate_limits(view, here, diagnostics_);
  const auto tls = config::tls_server_settings(view, *running_.tables, diagnostics_);
  if (!smtp || diagnostics_.failed()) return std::nullopt;
  made.smtp = std::move(*smtp);
  if (tls.enabled()) made.tls = tls_server(tls);
  return made;
}

void Compiler::smtp_listener(const Service& service) {
  const Main& view = running_.files.view(service);
  auto policy = config::policy_settings(view, machine_, *running_.tables, diagnostics_);
  auto begun = listener(service, view);
  if (!begun || !policy) return;
  auto& made = *begun;
  made.policy = std::make_shared<const policy::Settings>(std::move(*policy));
  made.peername_lookup = view.boolean("smtpd_peername_lookup");
  made.show_sasl_user = view.boolean("smtpd_sasl_authenticated_header");
  made.show_tls = view.boolean("smtpd_tls_received_header");
  made.content_filter = view.text("content_filter").text;
  made.rewriter = rewrites_like_main(view) ? running_.rewriter : rewriter(view);
  made.sasl_domain = view.text("smtpd_sasl_local_domain").text;
  auto milters = config::smtpd_milter_settings(view, *running_.tables, diagnostics_);
  if (milters.any()) made.milters = std::make_shared<const MilterSet>(std::move(milters));
  const auto& greylist = view.text("hikyaku_greylist");
  made.greylists = !greylist.text.empty();
  if (made.greylists && greylist.text != running_.greylist.file)
    diagnostics_.error(
        greylist.origin,
        "hikyaku_greylist: the hub has one greylist.conf, that of main.cf; a service greylists "
        "by it, or with `-o hikyaku_greylist=` not at all");
  listen(made, listen_addresses(service, view));
}

/// Mail that does not come by SMTP: what is handed in by the sendmail command, by the settings of the pickup
/// line; and the hub's own notices, which filters see when internal_mail_filter_classes says so.
void Compiler::local_mail() {
  const auto& services = running_.files.master.services();
  const auto line = std::ranges::find(services, Service::Role::pickup, &Service::role);
  const Main& view = line == services.end() ? main_ : running_.files.view(*line);
  auto& local = running_.local_mail;
  local.rewriter = rewrites_like_main(view) ? running_.rewriter : rewriter(view);
  local.content_filter = view.text("content_filter").text;
  local.who = config::local_submission_settings(view, *running_.tables, diagnostics_);
  local.size_limit = static_cast<std::uint64_t>(view.size("message_size_limit"));
  const auto classes = main_.list("internal_mail_filter_classes");
  const auto bounce = std::ranges::find(classes, "bounce", &config::Value::text);
  const bool notices = bounce != classes.end();
  for (const auto* checks : {"header_checks", "mime_header_checks", "nested_header_checks", "body_checks"})
    if (notices && !main_.text(checks).text.empty())
      diagnostics_.warning(bounce->origin,
                           std::string("internal_mail_filter_classes = bounce has filters see "
                                       "notices; that ") +
                               checks + " sees them as well is not done");
  if (const auto notify = std::ranges::find(classes, "notify", &config::Value::text); notify != classes.end())
    diagnostics_.warning(notify->origin,
                         "internal_mail_filter_classes: notify has no effect: the postmaster gets no notices "
                         "of troubles");
  const auto filters = [&](const Main& of) -> std::shared_ptr<const MilterSet> {
    auto milters = config::non_smtpd_milter_settings(of, *running_.tables, diagnostics_);
    return milters.any() ? std::make_shared<const MilterSet>(std::move(milters)) : nullptr;
  };
  const auto common = filters(main_);
  if (notices) running_.notice_milters = common;
  const bool own = line != services.end() && !line->overrides.empty();
  local.milters = own ? filters(view) : common;
}

void Compiler::pop3_listener(const Service& service) {
  const Main& view = running_.files.view(service);
  auto made = listener(service, view);
  if (!made) return;
  made->pop3 = config::pop3_server_settings(view, made->smtp, diagnostics_);
  const auto addresses = listen_addresses(service, view);
  const bool open_to_others = std::ranges::any_of(
      addresses, [](const auto& one) { return !one.starts_with("127.") && one != "::1"; });
  const auto& session = made->pop3->session;
  if (open_to_others && !made->pop3->wrapper_mode && !session.tls_auth_only && !session.mechanisms.empty()) {
    diagnostics_.warning(service.origin,
                         "passwords and mail may be read on their way: set smtpd_tls_auth_only = yes, or "
                         "smtpd_tls_wrappermode = yes for this service");
  }
  listen(*made, addresses);
}

void Compiler::listen(const Listener& listener, const std::vector<std::string>& addresses) {
  for (const auto& address : addresses) {
    auto one = std::make_unique<Listener>(listener);
    one->host = address;
    running_.listeners.push_back(std::move(one));
  }
}

void Compiler::transport(const Service& service) {
  if (service.role == Service::Role::smtp_server || service.role == Service::Role::pop3_server ||
      service.role == Service::Role::pickup || service.role == Service::Role::inner)
    return;
  const Main& view = running_.files.view(service);
  Transport made;
  made.name = service.name;
  made.command = service.command;
  made.role = service.role;
  made.origin = service.origin;
  made.limits =
      config::transport_limits(view, service.name, static_cast<std::size_t>(service.maxproc.value_or(0)));
  made.soft_bounce = view.boolean("soft_bounce");
  if (service.role == Service::Role::smtp_client || service.role == Service::Role::lmtp_client)
    client(service, view, made);
  if (service.role == Service::Role::local && service.command == "local") local_delivery(view);
  running_.transports.insert_or_assign(service.name, std::move(made));
}

void Compiler::client(const Service& service, const Main& view, Transport& made) {
  const bool lmtp = service.role == Service::Role::lmtp_client;
  const std::string prefix = lmtp ? "lmtp" : "smtp";
  made.protocol = lmtp ? smtp::Protocol::lmtp : smtp::Protocol::smtp;
  auto outbound =
      config::outbound_settings(view, lmtp ? config::ClientProtocol::lmtp : config::ClientProtocol::smtp,
                                machine_, *running_.tables, diagnostics_);
  auto settings = config::smtp_client_settings(view, made.protocol, *running_.tables, diagnostics_);
  auto tls = config::tls_client_settings(view, prefix, *running_.tables, diagnostics_);
  made.search = config::search_settings(view, machine_, lmtp, diagnostics_);
  if (!outbound || !settings || diagnostics_.failed()) return;
  made.outbound = std::make_unique<rewrite::Outbound>(std::move(*outbound));
  made.client = std::move(*settings);
  made.password_origin = view.origin(prefix + "_sasl_password_maps");
  made.native_lookup = view.text(prefix + "_host_lookup").text.find("native") != std::string::npos;
  made.bind_address = view.text(prefix + "_bind_address").text;
  made.bind_address6 = view.text(prefix + "_bind_address6").text;
  const auto& fallback = view.text(prefix + "_fallback_relay");
  auto hops = route::NextHop::parse_list(fallback.text);
  if (hops) {
    made.fallback = std::move(*hops);
  } else {
    diagnostics_.error(fallback.origin, prefix + "_fallback_relay: " + hops.error().text);
  }
  made.tls_policy = std::move(tls.policy);
  made.tls_wrapper = tls.settings.wrapper_mode;
  if (made.tls_policy.enabled() || made.tls_wrapper) {
    auto built = io::TlsClient::make(tls.settings);
    if (built) {
      made.tls = std::move(*built);
    } else {
      diagnostics_.error(service.origin, built.error().text);
    }
  }
}

}  // namespace

Result<std::optional<Transport::Login>> Transport::login(const mail::Address& sender, const std::string& host,
                                                         const std::string& next_hop,
                                                         const route::Router& router,
                                                         Explanation& why) const {
  if (!client.auth || client.passwords.empty()) return std::optional<Login>{};
  KeyTrail keys;
  std::optional<table::Found> found;
  if (client.sender_dependent_auth && !sender.null()) {
    auto hit = table::find_address(client.passwords, sender, router.settings().delimiters,
                                   router.local_destinations(), &keys);
    if (!hit) return std::unexpected(std::move(hit.error()));
    if (*hit) found = std::move((*hit)->found);
  }
  for (const auto* key : {&host, &next_hop}) {
    if (found) break;
    auto answer = client.passwords.find(*key, &keys);
    if (!answer) return std::unexpected(std::move(answer.error()));
    found = std::move(*answer);
  }
  // The key is told, never the password.
  why.add({.step = "deliver.login",
           .rule = "smtp_sasl_password_maps",
           .origin = found ? found->origin : password_origin,
           .keys = keys.joined(),
           .failed = found ? "" : "a key is in the table",
           .operand = host,
           .outcome = found ? "logs in" : "no login"});
  if (!found) return std::optional<Login>{};
  const auto colon = found->value.find(':');
  return std::optional(
      Login{found->value.substr(0, colon), colon == std::string::npos ? "" : found->value.substr(colon + 1)});
}

const Transport* Running::transport(std::string_view name) const {
  const auto found = transports.find(name);
  return found == transports.end() ? nullptr : &found->second;
}

const Listener* Running::listener(unsigned port) const {
  constexpr unsigned kSmtp = 25;
  const auto wanted = port == 0 ? kSmtp : port;
  const Listener* first = nullptr;
  for (const auto& one : listeners) {
    if (one->pop3) continue;
    if (one->port == wanted) return one.get();
    if (first == nullptr) first = one.get();
  }
  return port == 0 ? first : nullptr;
}

Result<bool> Running::rewrites_sender(const mail::Address& sender, const record::Recipient& recipient,
                                      const route::Route& route, Explanation& why) const {
  const auto* by = sender_rewriting ? transport(route.transport) : nullptr;
  if (by == nullptr || by->role != config::Service::Role::smtp_client) return false;
  return sender_rewriting->applies(*router, sender, recipient, route, why);
}

std::shared_ptr<const Running> compile(const config::FileTexts& texts, const config::System& system,
                                       const std::shared_ptr<SourceCatalogue>& sources, Random& random,
                                       Diagnostics& diagnostics) {
  auto files = config::read_files(texts, system, *sources, diagnostics);
  if (diagnostics.failed()) return nullptr;
  auto running = std::shared_ptr<Running>(
      new Running{sources, std::move(files), std::make_shared<io::TableFiles>(*sources, random)});
  Compiler(*running, system, diagnostics).compile();
  running->tables_ask_others = running->tables->ask_others();
  for (const auto& remark : running->tables->take_diagnostics()) {
    // A line that is not in effect is no reason not to start: Postfix goes on without it as well.
    diagnostics.add({remark.level == table::Diagnostic::Level::note ? config::Diagnostic::Level::note
                                                                    : config::Diagnostic::Level::warning,
                     remark.where, remark.column, remark.text, remark.line});
  }
  if (diagnostics.failed()) return nullptr;
  return running;
}

}  // namespace hikyaku::serve
