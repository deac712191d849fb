#include "cmd/probe_login.h"

#include <sysexits.h>

#include <algorithm>

#include "cmd/probe_options.h"
#include "probe/record.h"
#include "probe/words.h"

namespace hikyaku::cmd {

using Tried = ProbeLogin::Tried;

namespace {

/// Whether a login can name another than its user to act as (RFC 4422 s. 2).
bool names_another(std::string_view mechanism) {
  return mechanism == "PLAIN" || mechanism == "EXTERNAL" || mechanism == "OAUTHBEARER" ||
         mechanism.starts_with("SCRAM-");
}

}  // namespace

Result<probe::Identity> ProbeLogin::identity(const std::string& mechanism) {
  if (!authorize_as.empty() && !names_another(mechanism))
    return fail(Fault::malformed, "it has no place for another name to act as (--authorize-as)");
  probe::Identity out{.user = user, .password = {}, .authorize_as = authorize_as};
  if (mechanism == "EXTERNAL" || mechanism == "ANONYMOUS") return out;
  if (user.empty())
    return fail(Fault::malformed, "whose login? --user, or the name behind the mechanism, tells");
  auto password = secret_.get(user);
  if (!password) return std::unexpected(std::move(password.error()));
  out.password = std::move(*password);
  return out;
}

/// EXTERNAL is for those who ask for it: it needs a certificate that the server knows.
std::string ProbeLogin::best(const probe::Opening& opening) const {
  const auto offered = opening.mechanisms(protocol_.speech);
  for (const auto& known : probe::known_mechanisms()) {
    if (known == "EXTERNAL" || std::ranges::find(offered, known) == offered.end()) continue;
    if (known.ends_with("-PLUS") && !opening.report) continue;
    if (!authorize_as.empty() && !names_another(known)) continue;
    return known;
  }
  if (!authorize_as.empty()) return {};
  return probe::has_own_login(protocol_.speech, opening) ? std::string(probe::kOwnLogin) : std::string{};
}

/// nullptr for the protocol's own login, which has no SASL.
Result<std::unique_ptr<probe::AuthClient>> ProbeLogin::client(const std::string& mechanism,
                                                              const probe::Identity& who,
                                                              const probe::Opening& opening) {
  if (mechanism == probe::kOwnLogin) return std::unique_ptr<probe::AuthClient>{};
  if (protocol_.speech == probe::Speech::ftp || protocol_.speech == probe::Speech::http)
    return fail(Fault::malformed,
                std::string(protocol_.name) + " has no SASL: --auth login-command is its way");
  if (!sasl_) {
    auto opened = io::ProbeSasl::open();
    if (!opened) return std::unexpected(std::move(opened.error()));
    sasl_ = std::move(*opened);
  }
  return sasl_->client(mechanism, who, opening.report ? &*opening.report : nullptr, target_.host,
                       target_.port);
}

Tried ProbeLogin::log_in(probe::Conversation& conversation, const probe::Opening& opening,
                         const std::string& mechanism) {
  Tried tried{.mechanism = probe::same_word(mechanism, probe::kOwnLogin) ? std::string(probe::kOwnLogin)
                           : mechanism.empty()                           ? best(opening)
                                                                         : probe::upper(mechanism)};
  const auto failed = [&](Tried::End end, const Error& error) {
    tried.end = end;
    tried.fault = error.fault;
    tried.text = error.text;
    return tried;
  };
  if (tried.mechanism.empty())
    return failed(Tried::End::unusable, {Fault::permanent, "the server offers no mechanism that we have"});
  const auto who = identity(tried.mechanism);
  if (!who) return failed(Tried::End::unusable, who.error());
  const auto client_of_it = client(tried.mechanism, *who, opening);
  if (!client_of_it) return failed(Tried::End::unusable, client_of_it.error());
  const auto outcome = *client_of_it
                           ? probe::authenticate(conversation, protocol_.speech, **client_of_it, opening)
                           : probe::log_in(conversation, protocol_.speech, *who);
  if (!outcome) return failed(Tried::End::broken, outcome.error());
  tried.text = outcome->text;
  tried.end = outcome->end == probe::AuthOutcome::End::accepted ? Tried::End::works : Tried::End::in_vain;
  if (tried.end == Tried::End::in_vain) secret_.refused();
  return tried;
}

int Tried::exit_code() const {
  switch (end) {
    case End::works:
      return EX_OK;
    case End::in_vain:
      return EX_NOPERM;
    case End::unusable:
      return fault == Fault::permanent ? EX_UNAVAILABLE : EX_USAGE;
    case End::broken:
      break;
  }
  return probe_exit_code({fault, text});
}

std::vector<Tried> ProbeLogin::try_all(const probe::Opening& opening,
                                       const OnOwnConnection& on_own_connection) {
  auto offered = opening.mechanisms(protocol_.speech);
  if (probe::has_own_login(protocol_.speech, opening)) offered.emplace_back(probe::kOwnLogin);
  std::vector<Tried> all;
  for (const auto& mechanism : offered) {
    Tried tried{.mechanism = mechanism};
    const auto opened = on_own_connection([&](probe::Conversation& conversation, const probe::Opening& own) {
      tried = log_in(conversation, own, mechanism);
    });
    if (!opened) {
      tried.end = Tried::End::broken;
      tried.fault = opened.error().fault;
      tried.text = opened.error().text;
    }
    all.push_back(std::move(tried));
  }
  return all;
}

std::string ProbeLogin::text(const Tried& tried) {
  const auto said = probe::shown(tried.text);
  switch (tried.end) {
    case Tried::End::works:
      return tried.mechanism + " works: " + said;
    case Tried::End::in_vain:
      return tried.mechanism + " is offered in vain: " + said;
    case Tried::End::unusable:
      return (tried.mechanism.empty() ? "no login" : tried.mechanism + " was not tried") + ": " + said;
    case Tried::End::broken:
      break;
  }
  return tried.mechanism + " ended the connection: " + said;
}

}  // namespace hikyaku::cmd
