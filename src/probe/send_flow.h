#pragma once
// The steps of send_message(), shared by its two files; nothing else needs it.
#include "probe/send_conversation.h"

namespace hikyaku::probe {

class SendFlow {
 public:
  SendFlow(const SendRequest& request, Wire& wire, Sink& sink, const Elapsed& elapsed,
           const MakeSasl& make_sasl)
      : request_(request),
        make_sasl_(make_sasl),
        talk_(wire, sink, request.protocol == SendRequest::Protocol::lmtp ? Speech::lmtp : Speech::smtp,
              elapsed, request.timeout) {}
  SendOutcome run();

 private:
  using Reply = SmtpTalk::Reply;
  /// Nothing: go on. Else the conversation has ended so.
  using End = std::optional<SendExit>;

  // send_session.cc: up to authentication
  End proxy();
  End tls_at_once();
  End banner();
  End helo(SendExit on_refusal);
  End start_tls();
  End handshake();
  End xclient();
  End authenticate();
  End try_mechanism(const std::string& name, bool& succeeded);
  std::vector<std::string> mechanisms_to_try(const std::vector<std::string>& offered) const;
  bool greets_again() const;

  // send_transaction.cc
  End transaction();
  End pipelined();
  End one_by_one();
  End judge_mail(const Reply& reply);
  End judge_data(const Reply& reply);
  End content();
  End content_replies();
  void send_content();
  Wire& wire() { return talk_.conversation().wire(); }
  std::string mail_command() const;
  std::string rcpt_command(const std::string& to) const { return "RCPT TO:<" + to + '>'; }

  /// Ends it with QUIT; what went wrong before counts more than a lost connection.
  SendExit quit(SendExit exit);
  SendExit drop();
  /// QUIT after a refusal or a silence; none is left to hear it when the connection was lost.
  SendExit refused(const Reply& reply, SendExit exit);
  /// After the reply of a step.
  End stop_at(StopPoint point);
  /// At a point that the conversation has come to in any way: its step may not have been done.
  End stop_behind(StopPoint point) { return drops_after_sending(point) ? End(drop()) : stop_at(point); }
  bool drops_after_sending(StopPoint point) const { return request_.drop_after_send == point; }

  const SendRequest& request_;
  const MakeSasl& make_sasl_;
  SmtpTalk talk_;
  Capabilities offered_;
  SendOutcome outcome_;
  bool tls_tried_ = false, xclient_done_ = false, greeted_ = false;
};

}  // namespace hikyaku::probe
