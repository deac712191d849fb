#include "serve/greylist_session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>
#include <variant>

#include "base/escape.h"
#include "serve/read_room.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

using Filter = milter::FilterSession;
// An MTA may keep a connection open between messages for as long as its client does.
constexpr std::chrono::seconds kSilence{7200};
constexpr std::chrono::seconds kWrite{300};

}  // namespace

GreylistSession::GreylistSession(GreylistServices& services, std::shared_ptr<const GreylistRules> rules,
                                 asio::io_context& context, io::Stream stream)
    : services_(services),
      context_(context),
      stream_(std::move(stream)),
      filter_(settings_),
      client_(services, std::move(rules)) {}

void GreylistSession::start(std::function<void()> ended) {
  asio::co_spawn(context_, run(),
                 [self = shared_from_this(), ended = std::move(ended)](std::exception_ptr error) {
                   try {
                     if (error) std::rethrow_exception(error);
                   } catch (const std::exception& failure) {
                     self->services_.log.error(
                         "session", std::string("ended by an exception: ") + escaped(failure.what()));
                   }
                   self->stream_.abort();
                   ++self->services_.ended;
                   ended();
                 });
}

void GreylistSession::stop() {
  stopping_ = true;
  if (between_messages_) stream_.abort();
}

asio::awaitable<void> GreylistSession::run() {
  for (;;) {
    auto event = filter_.next();
    if (std::holds_alternative<Filter::NeedBytes>(event)) {
      between_messages_ = !filter_.in_message();
      if (stopping_ && between_messages_) co_return;
      const bool goes_on = co_await exchange();
      if (!goes_on) break;
      continue;
    }
    if (const auto* close = std::get_if<Filter::Close>(&event)) {
      if (!close->reason.empty()) services_.log.warning("session", "the MTA: " + close->reason);
      break;
    }
    co_await answer(std::move(event));
  }
  client_.abort();
}

asio::awaitable<bool> GreylistSession::exchange() {
  if (filter_.has_output()) {
    const auto output = filter_.take_output();
    stream_.set_deadline(kWrite, "the MTA");
    const auto written = co_await stream_.write_all(output);
    if (!written) co_return false;
  }
  stream_.set_deadline(kSilence, "the MTA");
  const auto room = read_room();
  const auto got = co_await stream_.read_some(room);
  if (!got || *got == 0) co_return false;
  filter_.feed(std::string_view(room.data(), *got));
  co_return true;
}

void GreylistSession::negotiate() {
  const auto& needs = client_.needs();
  milter::Wishes wishes;
  wishes.actions = milter::action::add_headers;
  if (needs.changes_subject) wishes.actions |= milter::action::change_headers;
  if (needs.changes_body) wishes.actions |= milter::action::change_body;
  // Only recipients, the message as a whole, and DATA for a tarpit are ever answered.
  wishes.steps = milter::step::no_unknown | milter::step::no_reply_connect | milter::step::no_reply_helo |
                 milter::step::no_reply_mail | milter::step::no_reply_header |
                 milter::step::no_reply_end_of_headers | milter::step::no_reply_body |
                 milter::step::no_end_of_headers;
  if (!needs.tarpit) wishes.steps |= milter::step::no_data;
  if (!needs.header) wishes.steps |= milter::step::no_headers;
  if (!needs.body) wishes.steps |= milter::step::no_body;
  if (needs.dkim) wishes.steps |= milter::step::header_leading_space;  // it may have been signed
  if (auto agreed = filter_.negotiate(wishes); !agreed)
    services_.log.error("session", "the MTA can't be worked with: " + escaped(agreed.error().text));
}

asio::awaitable<void> GreylistSession::connect(Filter::Connect event) {
  auto macro = [this](std::string_view name) -> std::optional<std::string_view> {
    const auto value = filter_.macro(name);
    return value && !value->empty() ? value : std::nullopt;
  };
  co_await client_.connect(std::move(event.name), table::Ip::parse(event.address.address), std::move(macro));
}

asio::awaitable<void> GreylistSession::answer(Filter::Event event) {
  if (std::holds_alternative<Filter::Negotiate>(event)) {
    negotiate();
  } else if (auto* connected = std::get_if<Filter::Connect>(&event)) {
    co_await connect(std::move(*connected));
    filter_.answer(Filter::Answer::go_on);
  } else if (const auto* helo = std::get_if<Filter::Helo>(&event)) {
    client_.helo(helo->name);
    filter_.answer(Filter::Answer::go_on);
  } else if (const auto* sender = std::get_if<Filter::Mail>(&event)) {
    client_.mail(sender->path);
    filter_.answer(Filter::Answer::go_on);
  } else if (auto* recipient = std::get_if<Filter::Rcpt>(&event)) {
    co_await answer_recipient(std::move(recipient->path));
  } else if (std::holds_alternative<Filter::Data>(event)) {
    say(client_.data());
  } else if (const auto* header = std::get_if<Filter::Header>(&event)) {
    client_.header(header->header.name, header->header.value, filter_.leading_space());
    filter_.answer(Filter::Answer::go_on);
  } else if (const auto* body = std::get_if<Filter::Body>(&event)) {
    client_.body(body->octets);
    filter_.answer(Filter::Answer::go_on);
  } else if (std::holds_alternative<Filter::EndOfMessage>(event)) {
    co_await answer_message();
  } else if (std::holds_alternative<Filter::Abort>(event) ||
             std::holds_alternative<Filter::NewConnection>(event)) {
    client_.abort();
  } else {
    filter_.answer(Filter::Answer::go_on);
  }
}

void GreylistSession::say(const greylist::Verdict& verdict) {
  using Kind = greylist::Verdict::Kind;
  if (verdict.kind == Kind::accept) {
    filter_.answer(Filter::Answer::go_on);
  } else if (verdict.reply.code.empty()) {
    filter_.answer(Filter::Answer::tempfail);
  } else {
    milter::SmtpReply reply;
    reply.code = std::stoi(verdict.reply.code);
    reply.enhanced = verdict.reply.ecode;
    reply.text = greylist_reply_text(verdict.reply.text);
    filter_.answer(reply);
  }
}

asio::awaitable<void> GreylistSession::answer_recipient(std::string path) {
  const auto verdict = co_await client_.recipient(std::move(path), nullptr);
  say(verdict);
}

void GreylistSession::change(const greylist::MessageChange& change) {
  using Kind = greylist::MessageChange::Kind;
  // Who gets headers with the blank behind the colon gives them so.
  const auto value = (filter_.leading_space() == milter::LeadingSpace::kept ? " " : "") +
                     greylist_header_value(change.value);
  switch (change.kind) {
    case Kind::add_header:
      filter_.edit(milter::AddHeader{change.name, value});
      break;
    case Kind::insert_header:
      filter_.edit(milter::InsertHeader{change.index, change.name, value});
      break;
    case Kind::change_subject:
      filter_.edit(milter::ChangeHeader{1, change.name, value});
      break;
    case Kind::replace_body:
      filter_.edit(milter::ReplaceBody{change.value});
      break;
  }
}

asio::awaitable<void> GreylistSession::answer_message() {
  const auto result = co_await client_.message(nullptr);
  for (const auto& one : result.changes) change(one);
  say(result.verdict);
}

}  // namespace hikyaku::serve
