#include "io/probe_dns.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <unbound.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace hikyaku::io {
namespace {

using probe::DnsFacts;
using State = DnsFacts::State;
using SteadyClock = std::chrono::steady_clock;

constexpr int kA = 1, kTxt = 16, kAaaa = 28, kTlsa = 52;  // types
constexpr int kInternet = 1;                              // the class IN
constexpr int kNoError = 0, kNoSuchName = 3;
constexpr std::size_t kMostRecords = 100;
constexpr const char* kSystemAnchor = "/usr/share/dns/root.key";

struct ContextFree {
  void operator()(ub_ctx* context) const { ub_ctx_delete(context); }
};
struct ResultFree {
  void operator()(ub_result* result) const { ub_resolve_free(result); }
};
struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// The octets of each record.
struct Said {
  State state = State::no_answer;
  bool secure = false;
  std::vector<std::string> records;
  std::string error = "none within the time";
};

enum class Signatures : unsigned char { checked, ignored };

/// libunbound, asked one question at a time.
class Questions {
 public:
  Questions(const ProbeDnsSettings& settings, Signatures signatures)
      : context_(ub_ctx_create()), limit_(settings.limit) {
    if (!context_) return;
    auto* raw = context_.get();
    ub_ctx_debugout(raw, nullptr);
    ub_ctx_async(raw, 1);
    ub_ctx_set_option(raw, "do-not-query-localhost:", "no");
    // Without either of them libunbound would go to the roots itself.
    if (settings.forward.empty()) {
      note_problem(ub_ctx_resolvconf(raw, nullptr), "the servers of /etc/resolv.conf");
    } else {
      note_problem(ub_ctx_set_fwd(raw, settings.forward.c_str()), "the server " + settings.forward);
    }
    // libunbound answers for these zones by itself, though the servers of an intranet may well know them.
    ub_ctx_set_option(raw, "unblock-lan-zones:", "yes");
    ub_ctx_set_option(raw, "insecure-lan-zones:", "yes");
    if (signatures == Signatures::checked) trust(settings.trust_anchor_file);
    // Last: libunbound takes no more settings after the first of these.
    for (const auto* zone : {"test.", "home.arpa."}) {
      const int code = ub_ctx_zone_add(raw, zone, "transparent");
      if (code != 0 && problem_.empty())
        problem_ = std::string("DNS can't be asked: ") + ub_strerror(code) + anchor_;
    }
  }

  Said ask(const std::string& name, int type) {
    asked_ = {};
    if (!problem_.empty()) asked_.error = problem_;
    if (!context_ || !problem_.empty()) return asked_;
    int id = 0;
    done_ = false;
    const int code = ub_resolve_async(context_.get(), name.c_str(), type, kInternet, this, answered, &id);
    if (code != 0) {
      asked_.error = ub_strerror(code);
      return asked_;
    }
    const auto until = SteadyClock::now() + limit_;
    while (!done_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now());
      pollfd ready{ub_fd(context_.get()), POLLIN, 0};
      if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0) break;
      ub_process(context_.get());
    }
    if (!done_) ub_cancel(context_.get(), id);
    return std::move(asked_);
  }

 private:
  void note_problem(int code, const std::string& what) {
    if (code != 0) problem_ = what + " can't be asked: " + ub_strerror(code);
  }
  void trust(const std::string& file) {
    const std::string anchor = file.empty() ? kSystemAnchor : file;
    if (::access(anchor.c_str(), R_OK) == 0) {
      ub_ctx_add_ta_file(context_.get(), anchor.c_str());
      anchor_ = " (is " + anchor + " a file of trust anchors?)";
    } else if (problem_.empty()) {
      problem_ = "the trust anchor in " + anchor + " can't be read";
    }
  }

  static void answered(void* data, int error, ub_result* raw) {
    auto* self = static_cast<Questions*>(data);
    const std::unique_ptr<ub_result, ResultFree> result(raw);
    self->done_ = true;
    auto& said = self->asked_;
    if (error != 0 || !result) {
      said.error = ub_strerror(error);
    } else if (result->bogus != 0) {
      said.error =
          std::string("it does not pass DNSSEC: ") + (result->why_bogus == nullptr ? "" : result->why_bogus);
    } else if (result->rcode != kNoError && result->rcode != kNoSuchName) {
      said.error = "the server failed (code " + std::to_string(result->rcode) + ')';
    } else {
      said.secure = result->secure != 0;
      for (std::size_t i = 0; result->havedata != 0 && i < kMostRecords && result->data[i] != nullptr; ++i)
        said.records.emplace_back(result->data[i], static_cast<std::size_t>(result->len[i]));
      said.state = said.records.empty() ? State::none : State::found;
    }
  }

  std::unique_ptr<ub_ctx, ContextFree> context_;
  std::chrono::milliseconds limit_;
  Said asked_;
  std::string problem_;  ///< why nothing is asked
  std::string anchor_;   ///< what may be wrong with the file of the anchor
  bool done_ = false;
};

/// The strings of a TXT record joined.
std::string txt(std::string_view rdata) {
  std::string out;
  while (!rdata.empty()) {
    const auto size = static_cast<unsigned char>(rdata[0]);
    out += rdata.substr(1, size);
    rdata.remove_prefix(std::min<std::size_t>(std::size_t{size} + 1, rdata.size()));
  }
  return out;
}

std::size_t take_body(const char* octets, std::size_t, std::size_t size, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + size > probe::StsPolicy::kMost) return 0;
  body.append(octets, size);
  return size;
}

/// The addresses of a host as curl takes them, with a comma between.
std::string addresses(Questions& questions, const std::string& host) {
  std::string out;
  for (const int type : {kA, kAaaa}) {
    for (const auto& rdata : questions.ask(host, type).records) {
      const bool six = type == kAaaa;
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (rdata.size() != (six ? 16U : 4U)) continue;
      ::inet_ntop(six ? AF_INET6 : AF_INET, rdata.data(), text.data(), text.size());
      out += (out.empty() ? "" : ",") + (six ? '[' + std::string(text.data()) + ']' : text.data());
    }
  }
  return out;
}

Result<probe::StsPolicy> fetch_policy(Questions& questions, const ProbeDnsSettings& settings,
                                      const std::string& domain) {
  const std::unique_ptr<CURL, CurlFree> handle(curl_easy_init());
  if (!handle) return fail(Fault::temporary, "memory is short");
  const auto host = "mta-sts." + domain;
  const auto url = "https://" + host + "/.well-known/mta-sts.txt";
  std::unique_ptr<curl_slist, ListFree> known;
  // The system's resolver, which curl asks, is not the one that was chosen.
  if (!settings.forward.empty()) {
    const auto found = addresses(questions, host);
    if (found.empty()) return fail(Fault::temporary, url + ": the host has no address");
    known.reset(curl_slist_append(nullptr, (host + ":443:" + found).c_str()));
    curl_easy_setopt(handle.get(), CURLOPT_RESOLVE, known.get());
  }
  std::string body;
  auto* raw = handle.get();
  curl_easy_setopt(raw, CURLOPT_URL, url.c_str());
  curl_easy_setopt(raw, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(raw, CURLOPT_TIMEOUT_MS, static_cast<long>(settings.limit.count()));
  curl_easy_setopt(raw, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(raw, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(raw, CURLOPT_WRITEDATA, &body);
  if (!settings.authorities_file.empty())
    curl_easy_setopt(raw, CURLOPT_CAINFO, settings.authorities_file.c_str());
  if (const auto code = curl_easy_perform(raw); code != CURLE_OK)
    return fail(Fault::temporary, url + ": " + curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(raw, CURLINFO_RESPONSE_CODE, &status);
  // A redirection is none (RFC 8461 s. 3.3).
  if (status != 200) return fail(Fault::temporary, url + " answers " + std::to_string(status));
  return probe::StsPolicy::parse(body);
}

void ask_tlsa(Questions& questions, const std::string& host, std::uint16_t port, DnsFacts& facts) {
  facts.tlsa_name = '_' + std::to_string(port) + "._tcp." + host;
  auto said = questions.ask(facts.tlsa_name, kTlsa);
  facts.tlsa_state = said.state;
  facts.tlsa_secure = said.secure;
  facts.tlsa_error = said.error;
  for (const auto& rdata : said.records) {
    auto record = probe::Tlsa::parse(rdata);
    // What can't be read is unusable, which is what the usage of nobody is.
    facts.tlsa.push_back(record ? std::move(*record) : probe::Tlsa{.usage = 255, .data = {}});
  }
}

void ask_policy(Questions& questions, const ProbeDnsSettings& settings, const std::string& domain,
                DnsFacts& facts) {
  facts.sts_domain = domain;
  const auto said = questions.ask("_mta-sts." + domain, kTxt);
  facts.sts_state = said.state;
  facts.sts_error = said.error;
  if (said.state != State::found) return;
  std::vector<std::string> texts;
  for (const auto& rdata : said.records) texts.push_back(txt(rdata));
  if (probe::sts_identifier(texts).empty()) {
    const auto announcing =
        std::ranges::count_if(texts, [](const std::string& text) { return probe::announces_sts(text); });
    if (announcing == 0) facts.sts_state = State::none;
    facts.sts_error = announcing > 1 ? "more than one record announces it, which counts as none"
                                     : "the record that announces it has no id";
    return;
  }
  auto policy = fetch_policy(questions, settings, domain);
  if (policy) {
    facts.sts_policy = std::move(*policy);
  } else {
    facts.sts_error = policy.error().text;
  }
}

}  // namespace

DnsFacts ask_dns(const ProbeDnsSettings& settings, const std::string& host, std::uint16_t port,
                 const std::string& domain) {
  DnsFacts facts;
  if (!host.empty()) {
    Questions questions(settings, Signatures::checked);
    ask_tlsa(questions, host, port, facts);
  }
  if (!domain.empty()) {
    // A policy needs no DNSSEC (RFC 8461 s. 2), and many a resolver has none.
    Questions questions(settings, Signatures::ignored);
    ask_policy(questions, settings, domain, facts);
  }
  return facts;
}

}  // namespace hikyaku::io
