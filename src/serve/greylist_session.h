#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/deadline.h"
#include "io/stream.h"
#include "milter/filter_session.h"
#include "serve/greylist_rules.h"
#include "serve/greylist_services.h"
#include "serve/greylisted_client.h"

namespace hikyaku::serve {

/// One connection of an MTA to the greylisting filter: the filter protocol around a
/// GreylistedClient. On one io_context's thread; its coroutine keeps it alive.
class GreylistSession : public std::enable_shared_from_this<GreylistSession> {
 public:
  GreylistSession(GreylistServices& services, std::shared_ptr<const GreylistRules> rules,
                  boost::asio::io_context& context, io::Stream stream);

  /// Begins. `ended` is called once, on this thread.
  void start(std::function<void()> ended);
  /// The program ends: at once where the MTA is between messages, else after this one.
  void stop();

 private:
  boost::asio::awaitable<void> run();
  /// False: the connection is over.
  boost::asio::awaitable<bool> exchange();
  boost::asio::awaitable<void> answer(milter::FilterSession::Event event);
  boost::asio::awaitable<void> answer_recipient(std::string path);
  boost::asio::awaitable<void> answer_message();

  void negotiate();
  boost::asio::awaitable<void> connect(milter::FilterSession::Connect event);
  void say(const greylist::Verdict& verdict);
  void change(const greylist::MessageChange& change);

  GreylistServices& services_;
  boost::asio::io_context& context_;
  io::Stream stream_;
  milter::FilterSession::Settings settings_;
  milter::FilterSession filter_;
  GreylistedClient client_;
  bool stopping_ = false, between_messages_ = true;
};

}  // namespace hikyaku::serve
