#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/escape.h"
#include "probe/send_flow.h"

namespace hikyaku::probe {
namespace {

constexpr int kMostChallenges = 20;

// The stronger ones first.
constexpr std::array<std::string_view, 5> kUsualMechanisms{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5",
                                                           "LOGIN", "PLAIN"};

std::string_view helo_verb(SendRequest::Protocol protocol) {
  if (protocol == SendRequest::Protocol::lmtp) return "LHLO ";
  return protocol == SendRequest::Protocol::smtp ? "HELO " : "EHLO ";
}

}  // namespace

SendFlow::End SendFlow::proxy() {
  if (request_.proxy_header.empty()) return std::nullopt;
  const auto& header = request_.proxy_header;
  const auto told =
      header.starts_with("PROXY ") ? header.substr(0, header.size() - 2) : base64_encode(header);
  return talk_.send(header, {told}) ? std::nullopt : End(SendExit::proxy);
}

SendFlow::End SendFlow::handshake() {
  talk_.begin("TLS");
  std::size_t injected = 0;
  auto report = talk_.conversation().start_tls(request_.tls_wish, injected);
  talk_.end_step(0);
  if (!report) {
    talk_.failure("TLS startup failed (" + report.error().text + ")");
    return SendExit::tls;
  }
  if (injected > 0) {
    wire().abort();
    return SendExit::tls;
  }
  talk_.note("TLS started with cipher " + report->protocol + ':' + report->cipher + ':' +
             std::to_string(report->bits));
  talk_.note(request_.tls_wish.certificate_file.empty() ? "TLS no local certificate set"
                                                        : "TLS local certificate set");
  if (!report->chain.empty()) talk_.note("TLS peer DN=\"" + report->chain.front().subject + '"');
  std::string wrong;
  if (request_.verify_chain && !report->trusted)
    wrong = "its certificate is not trusted: " + report->trust_error;
  if (request_.verify_name && wrong.empty() && !report->name_matches)
    wrong = "its certificate is not for " + escaped(request_.tls_wish.server_name);
  outcome_.tls = *std::move(report);
  if (wrong.empty()) return std::nullopt;
  talk_.failure("TLS startup failed (" + wrong + ")");
  wire().abort();
  return SendExit::tls;
}

SendFlow::End SendFlow::tls_at_once() {
  if (!request_.tls_on_connect) return std::nullopt;
  if (auto end = handshake()) return end;
  if (drops_after_sending(StopPoint::tls)) return drop();
  // As swaks does: the banner is not waited for.
  return stop_at(StopPoint::tls);
}

SendFlow::End SendFlow::banner() {
  talk_.begin("banner");
  const auto reply = talk_.hear();
  if (!reply.success()) return refused(reply, SendExit::banner);
  return stop_at(StopPoint::banner);
}

bool SendFlow::greets_again() const {
  const bool tls = request_.tls != Want::no && !tls_tried_;
  return tls || (request_.xclient != Want::no && !xclient_done_);
}

SendFlow::End SendFlow::helo(SendExit on_refusal) {
  const auto ask = [&](std::string_view verb, Reply& reply) -> End {
    talk_.begin(std::string(verb.substr(0, 4)));
    talk_.say(std::string(verb) + request_.helo);
    const bool first = !greeted_ && drops_after_sending(StopPoint::first_helo);
    if (first || (!greets_again() && drops_after_sending(StopPoint::helo))) return drop();
    reply = talk_.hear();
    return std::nullopt;
  };
  Reply reply;
  const auto verb = helo_verb(request_.protocol);
  if (auto end = ask(verb, reply)) return end;
  if (verb == "EHLO " && reply.whole() && !reply.success()) {
    if (auto end = ask("HELO ", reply)) return end;
    reply.lines.clear();  // a HELO offers nothing
  }
  if (!reply.success()) return refused(reply, on_refusal);
  offered_ = verb == "HELO " ? Capabilities() : Capabilities(std::move(reply.lines));
  if (!greeted_) {
    greeted_ = true;
    return stop_at(StopPoint::first_helo);
  }
  return std::nullopt;
}

SendFlow::End SendFlow::start_tls() {
  if (request_.tls == Want::no) return std::nullopt;
  tls_tried_ = true;
  if (!offered_.offers("STARTTLS")) {
    talk_.failure("Host did not advertise STARTTLS");
    return request_.tls == Want::required ? End(quit(SendExit::tls)) : std::nullopt;
  }
  talk_.begin("STARTTLS");
  talk_.say("STARTTLS");
  if (drops_after_sending(StopPoint::tls)) return drop();
  const auto reply = talk_.hear();
  if (!reply.success()) {
    talk_.failure("STARTTLS attempted but failed");
    if (request_.tls == Want::optional && reply.whole()) return std::nullopt;
    wire().abort();
    return SendExit::tls;
  }
  if (auto end = handshake()) {
    talk_.failure("STARTTLS attempted but failed");
    return end;
  }
  if (auto end = stop_at(StopPoint::tls)) return end;
  return helo(SendExit::helo_after_tls);
}

SendFlow::End SendFlow::xclient() {
  if (request_.xclient == Want::no) return std::nullopt;
  xclient_done_ = true;
  const auto give_up = [&](std::string why) -> End {
    talk_.failure(std::move(why));
    return request_.xclient == Want::required ? End(quit(SendExit::xclient)) : std::nullopt;
  };
  if (!offered_.offers("XCLIENT")) return give_up("Host did not advertise XCLIENT");
  const auto known = offered_.parameters("XCLIENT");
  for (const auto& command : request_.xclient_commands) {
    const auto unknown = [&](const auto& name) { return std::ranges::find(known, name) == known.end(); };
    if (!request_.xclient_unverified && std::ranges::any_of(command.attributes, unknown))
      return give_up("Host did not advertise requested XCLIENT attributes");
  }
  for (const auto& command : request_.xclient_commands) {
    talk_.begin("XCLIENT");
    talk_.say("XCLIENT " + command.text);
    if (drops_after_sending(StopPoint::xclient)) return drop();
    const auto reply = talk_.hear();
    if (reply.success()) continue;
    talk_.failure("XCLIENT attempted but failed");
    if (request_.xclient == Want::optional && reply.whole()) return std::nullopt;
    return refused(reply, SendExit::xclient);
  }
  if (auto end = stop_at(StopPoint::xclient)) return end;
  return helo(SendExit::helo_after_xclient);
}

std::vector<std::string> SendFlow::mechanisms_to_try(const std::vector<std::string>& offered) const {
  const auto is_offered = [&](const auto& name) { return std::ranges::find(offered, name) != offered.end(); };
  std::vector<std::string> names;
  if (!request_.mechanisms.empty()) {
    std::ranges::copy_if(request_.mechanisms, std::back_inserter(names), is_offered);
    return names;
  }
  for (const auto usual : kUsualMechanisms) {
    if (is_offered(std::string(usual))) names.emplace_back(usual);
    for (const auto& [alias, mechanism] : request_.mechanism_aliases) {
      if (mechanism == usual && is_offered(alias)) names.push_back(alias);
    }
  }
  return names;
}

SendFlow::End SendFlow::try_mechanism(const std::string& name, bool& succeeded) {
  const auto alias =
      std::ranges::find(request_.mechanism_aliases, name, [](const auto& pair) { return pair.first; });
  const auto& mechanism = alias == request_.mechanism_aliases.end() ? name : alias->second;
  const auto made = make_sasl_(mechanism, outcome_.tls ? &*outcome_.tls : nullptr);
  if (!made) {
    talk_.failure(made.error().text);
    return std::nullopt;
  }
  const auto& client = *made;
  std::string line = "AUTH " + name;
  const auto initial = client->initial();
  if (initial) line += ' ' + (initial->empty() ? "=" : base64_encode(*initial));
  talk_.begin("AUTH " + name);
  talk_.say(line);
  if (drops_after_sending(StopPoint::auth)) return drop();
  for (int round = 0; round < kMostChallenges; ++round) {
    const auto reply = talk_.hear();
    if (!reply.whole()) return refused(reply, SendExit::auth);
    // Who has proved nothing yet has not been let in (RFC 4954 s. 4), nor has a server that owes its proof.
    succeeded = reply.success() && (round > 0 || initial) && !client->wants_proof();
    if (reply.success() && !succeeded) talk_.failure(name + " is not finished, whatever the server says");
    if (!reply.intermediate()) return std::nullopt;
    const auto challenge = base64_decode(reply.lines.empty() ? std::string_view() : reply.lines.front());
    auto response = challenge ? client->answer(*challenge)
                              : Result<std::string>(fail(Fault::malformed, "the challenge is no base64"));
    if (!response) talk_.failure(response.error().text);
    talk_.begin("AUTH " + name);
    talk_.say(response ? base64_encode(*response) : "*");
  }
  talk_.failure("the server has no end of challenges");
  return quit(SendExit::auth);
}

SendFlow::End SendFlow::authenticate() {
  if (request_.auth == Want::no) return std::nullopt;
  const bool required = request_.auth == Want::required;
  if (!offered_.offers("AUTH")) {
    talk_.failure("Host did not advertise authentication");
    return required ? End(quit(SendExit::auth)) : std::nullopt;
  }
  const auto names = mechanisms_to_try(offered_.parameters("AUTH"));
  for (const auto& name : names) {
    bool succeeded = false;
    if (auto end = try_mechanism(name, succeeded)) return end;
    if (!succeeded) continue;
    outcome_.mechanism = name;
    return std::nullopt;
  }
  talk_.failure(!names.empty()                ? "No authentication type succeeded"
                : request_.mechanisms.empty() ? "Auth not attempted, no advertised types available"
                                              : "Auth not attempted, requested type not available");
  return request_.auth == Want::optional ? std::nullopt : End(quit(SendExit::auth));
}

SendOutcome SendFlow::run() {
  const auto all = [&]() -> SendExit {
    using Step = End (SendFlow::*)();
    const bool early = request_.xclient_before_tls;
    for (const Step step : {&SendFlow::proxy, &SendFlow::tls_at_once, &SendFlow::banner}) {
      if (const auto end = (this->*step)()) return *end;
    }
    if (const auto end = helo(SendExit::helo)) return *end;
    for (const Step step : early ? std::array<Step, 2>{&SendFlow::xclient, &SendFlow::start_tls}
                                 : std::array<Step, 2>{&SendFlow::start_tls, &SendFlow::xclient}) {
      if (const auto end = (this->*step)()) return *end;
      // A step that was not done, or in vain, is a point all the same: behind it nothing may be sent.
      const auto point = step == &SendFlow::xclient ? StopPoint::xclient : StopPoint::tls;
      if (const auto end = stop_behind(point)) return *end;
    }
    if (const auto end = stop_behind(StopPoint::helo)) return *end;
    if (const auto end = authenticate()) return *end;
    if (const auto end = stop_behind(StopPoint::auth)) return *end;
    if (const auto end = transaction()) return *end;
    return quit(SendExit::ok);
  };
  outcome_.exit = all();
  outcome_.steps = talk_.steps();
  return std::move(outcome_);
}

SendOutcome send_message(const SendRequest& request, Wire& wire, Sink& sink, const Elapsed& elapsed,
                         const MakeSasl& make_sasl) {
  return SendFlow(request, wire, sink, elapsed, make_sasl).run();
}

}  // namespace hikyaku::probe
