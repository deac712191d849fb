#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "greylist/conversation.h"
#include "io/deadline.h"
#include "io/stream.h"
#include "milter/filter_session.h"
#include "serve/greylist_rules.h"
#include "serve/greylist_services.h"

namespace hikyaku::serve {

/// One connection of an MTA to the greylisting filter: the socket, the time and the DNS around a
/// greylist::Conversation. On one io_context's thread; its coroutine keeps it alive.
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
  boost::asio::awaitable<void> answer_data();
  boost::asio::awaitable<void> answer_message();
  boost::asio::awaitable<void> check_spf();
  boost::asio::awaitable<greylist::Decision> ask_rules(greylist::Stage stage);
  boost::asio::awaitable<void> write_statistics();

  void negotiate();
  void connect(const milter::FilterSession::Connect& event);
  void begin_message(const std::string& path);
  void note_time();
  void say(const greylist::Verdict& verdict);
  void change(const greylist::MessageChange& change);
  void log_lines();

  GreylistServices& services_;
  const std::shared_ptr<const GreylistRules> rules_;
  boost::asio::io_context& context_;
  io::Stream stream_;
  milter::FilterSession::Settings settings_;
  milter::FilterSession filter_;
  greylist::Conversation conversation_;
  greylist::Answers answers_;
  bool spf_checked_ = false, stopping_ = false, between_messages_ = true;
};

}  // namespace hikyaku::serve
