#include "serve/greylist_rehearsal.h"

#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <utility>

#include "serve/greylist_decision.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

GreylistRehearsal::GreylistRehearsal(std::shared_ptr<const GreylistRules> rules, greylist::Learning learning,
                                     io::Resolver& resolver, const ClientIdentity& client,
                                     const std::string& hostname, Time now)
    : rules_(std::move(rules)),
      resolver_(resolver),
      checks_([](const std::string&) {}),  // the entry of a clause says that it got no answer
      client_(client),
      names_{"milter-greylist-4.6.4", "4.6.4", hostname},
      nothing_known_({}, {}),
      conversation_(rules_->configuration, nothing_known_, prefixes_of(*rules_->configuration, learning),
                    names_, learning) {
  const bool named = client.name_status == policy::NameStatus::ok;
  conversation_.connect(named ? client.name : "[" + client.address + "]", table::Ip::parse(client.address));
  conversation_.helo(client.helo);
  auto& facts = conversation_.facts();
  facts.macro = [this](std::string_view name) -> std::optional<std::string_view> {
    if (name == "{auth_authen}" && !client_.sasl_user.empty()) return client_.sasl_user;
    if (name == "{auth_type}" && !client_.sasl_method.empty()) return client_.sasl_method;
    if (name == "j") return names_.host_name;
    return std::nullopt;
  };
  facts.now = now;
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  localtime_r(&seconds, &facts.local_time);
  if (rules_->countries && facts.client) {
    for (const auto& notice : rules_->countries->refresh(now))
      if (notice.level == io::GeoDatabases::Notice::Level::warning) problems_.push_back(notice.text);
    facts.country = rules_->countries->country(*facts.client).code;
  }
  if (!learning.sender_pools) return;
  if (const auto suffixes = io::PublicSuffixes::open())
    know_provider(facts, *rules_, **suffixes);
  else
    problems_.push_back(suffixes.error().text);
}

asio::awaitable<void> GreylistRehearsal::sender(const mail::Address& sender, Explanation& why) {
  for (const auto& problem : problems_)
    why.add({.step = "greylist.database",
             .rule = problem,
             .failed = "the database can be used",
             .outcome = "without it"});
  conversation_.mail("<" + sender.text() + ">");
  if (!conversation_.wants_spf()) co_return;
  const auto result = co_await ask_spf(resolver_, conversation_.facts(), answers_.dns);
  if (result) conversation_.spf(*result);
}

asio::awaitable<greylist::Verdict> GreylistRehearsal::recipient(const mail::Address& recipient,
                                                                Explanation& why) {
  auto verdict = conversation_.recipient("<" + recipient.text() + ">", &why);
  if (verdict) co_return *std::move(verdict);
  const auto context = conversation_.context();
  const GreylistQuestion question{greylist::Stage::recipient, *rules_->configuration, conversation_.facts(),
                                  conversation_.properties(), context};
  const auto decision =
      co_await decide_by_rules(resolver_, checks_, question, answers_, &why, Explained::always);
  co_return conversation_.recipient_decided(decision, &why);
}

}  // namespace hikyaku::serve
