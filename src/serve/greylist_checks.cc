#include "serve/greylist_checks.h"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "greylist/posted_message.h"

namespace hikyaku::serve {

using greylist::CheckAnswer;
using greylist::Defined;

namespace {

constexpr std::size_t kSearchesAtATime = 8;
constexpr std::chrono::seconds kLdapTimeout{5};

std::vector<io::LdapServer> servers_of(const greylist::LdapSettings& settings) {
  std::vector<io::LdapServer> servers;
  std::istringstream uris(settings.uris);
  for (std::string uri; uris >> uri;) {
    io::LdapServer one;
    one.uris = std::move(uri);
    one.timeout = settings.timeout.value_or(kLdapTimeout);
    one.bind_dn = settings.bind_dn;
    one.bind_password = settings.bind_password;
    one.server_certificate = io::LdapServer::Certificate::as_configured;
    servers.push_back(std::move(one));
  }
  return servers;
}

}  // namespace

GreylistChecks::GreylistChecks(std::function<void(const std::string&)> warn)
    : warn_(std::move(warn)), searches_(kSearchesAtATime) {}

GreylistChecks::~GreylistChecks() { stop(); }

void GreylistChecks::stop() {
  urls_.stop();
  searches_.stop(io::WorkerPool::Waiting::drop);
}

boost::asio::awaitable<CheckAnswer> GreylistChecks::ask(const greylist::Configuration& configuration,
                                                        greylist::Stage stage, const greylist::Facts& facts,
                                                        const greylist::CheckQuestion& question, Time until) {
  until = std::min(until, std::chrono::steady_clock::now() + kPatience);
  const bool by_url = question.kind == Defined::urlcheck;
  const auto name = by_url ? "urlcheck \"" + configuration.urlchecks[question.index].name + "\""
                           : "ldapcheck \"" + configuration.ldapchecks[question.index].name + "\"";
  Result<CheckAnswer> answer = fail(Fault::temporary, "no time was left for it");
  if (until > std::chrono::steady_clock::now()) {
    if (by_url) {
      answer = co_await ask_url(configuration.urlchecks[question.index], stage, facts, question.url, until);
    } else {
      answer = co_await ask_directory(configuration, configuration.ldapchecks[question.index], question.url,
                                      until);
    }
  }
  const auto about = escaped(name) + ": " + escaped(question.url) + ": ";
  if (!answer) {
    warn_(about + "no answer, its clauses do not hold: " + escaped(answer.error().text));
    CheckAnswer none;
    none.answered = false;
    co_return none;
  }
  for (const auto& line : answer->not_read) warn_(about + "this can't be read: " + escaped(line));
  co_return std::move(*answer);
}

boost::asio::awaitable<Result<CheckAnswer>> GreylistChecks::ask_url(
    const greylist::UrlcheckDefinition& definition, greylist::Stage stage, const greylist::Facts& facts,
    const std::string& url, Time until) {
  io::UrlRequest request{url, {}, {}};
  if (definition.postmsg && stage == greylist::Stage::message && !facts.header_lines.empty()) {
    auto posted = greylist::posted_message(facts);
    request.content_type = std::move(posted.content_type);
    request.body = std::move(posted.body);
  }
  auto text = co_await urls_.fetch(std::move(request), definition.name, definition.most_at_a_time, until);
  if (!text) co_return std::unexpected(std::move(text.error()));
  co_return greylist::read_url_answer(*text, definition.getprop);
}

boost::asio::awaitable<Result<CheckAnswer>> GreylistChecks::ask_directory(
    const greylist::Configuration& configuration, const greylist::LdapcheckDefinition& definition,
    const std::string& url, Time until) {
  if (!configuration.ldap) co_return fail(Fault::permanent, "there is no ldapconf that names a server");
  auto search = [servers = directory(*configuration.ldap), url, until] {
    return servers->search(url, until);
  };
  auto found = co_await searches_.run(std::move(search));
  if (!found) co_return std::unexpected(std::move(found.error()));
  CheckAnswer answer;
  for (const auto& [name, value] : found->values) greylist::take_answer_line(name, value, answer);
  // Without being told so, milter-greylist takes from a directory what it says alone.
  answer.matched = (definition.domatch || configuration.fixldapcheck.value) && found->entries != 0;
  answer.properties = std::move(found->values);
  co_return answer;
}

std::shared_ptr<io::LdapDirectory> GreylistChecks::directory(const greylist::LdapSettings& settings) {
  const std::lock_guard lock(mutex_);
  if (!directory_ || !(directory_settings_ == settings)) {
    directory_settings_ = settings;
    directory_ = std::make_shared<io::LdapDirectory>(servers_of(settings));
  }
  return directory_;
}

}  // namespace hikyaku::serve
