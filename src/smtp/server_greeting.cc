// The banner, and the keywords of the EHLO answer.
#include <algorithm>

#include "smtp/server_command.h"
#include "smtp/server_session.h"

namespace hikyaku::smtp {

std::uint16_t EhloKeywords::bit(std::string_view keyword) {
  static constexpr struct {
    std::string_view name;
    std::uint16_t bit;
  } kKeywords[] = {
      {"PIPELINING", kPipelining},
      {"SIZE", kSize},
      {"ETRN", kEtrn},
      {"STARTTLS", kStartTls},
      {"AUTH", kAuth},
      {"VRFY", kVrfy},
      {"8BITMIME", kEightBitMime},
      {"DSN", kDsn},
      {"ENHANCEDSTATUSCODES", kEnhancedStatusCodes},
      {"SMTPUTF8", kSmtpUtf8},
      {"CHUNKING", kChunking},
      {"XCLIENT", kXclient},
      {"SILENT-DISCARD", kSilentDiscard},
  };
  const auto* const found =
      std::ranges::find_if(kKeywords, [&](const auto& known) { return same_word(keyword, known.name); });
  return found == std::end(kKeywords) ? 0 : found->bit;
}

void ServerSession::greet() { put({220, {}, settings_->banner}); }

bool ServerSession::offers_tls() const {
  return settings_->tls != ServerSettings::Tls::none && !tls_ && !discarded().has(EhloKeywords::kStartTls);
}

bool ServerSession::offers_auth() const {
  return settings_->auth && client_.offer_auth && !mechanisms().empty() &&
         !discarded().has(EhloKeywords::kAuth) &&
         (tls_ || !(settings_->tls_auth_only || settings_->tls == ServerSettings::Tls::encrypt));
}

void ServerSession::put_keywords() {
  out_ += "250-";
  out_ += settings_->hostname;
  std::size_t last = out_.size() - settings_->hostname.size() - 1;  // the last "-" becomes a blank
  const auto line = [&](std::string_view keyword) {
    out_ += "\r\n250-";
    last = out_.size() - 1;
    out_ += keyword;
  };
  const auto offer = [&](std::uint16_t bit, std::string_view keyword) {
    if (!discarded().has(bit)) line(keyword);
  };
  offer(EhloKeywords::kPipelining, "PIPELINING");
  if (!discarded().has(EhloKeywords::kSize)) {
    line("SIZE");
    if (settings_->message_size_limit > 0) {
      out_ += ' ';
      out_ += std::to_string(settings_->message_size_limit);
    }
  }
  if (settings_->vrfy) offer(EhloKeywords::kVrfy, "VRFY");
  offer(EhloKeywords::kEtrn, "ETRN");
  if (offers_tls()) line("STARTTLS");
  if (offers_auth()) {
    const auto list = [&](std::string_view keyword) {
      line(keyword);
      char separator = keyword.back() == '=' ? '\0' : ' ';
      for (const auto& mechanism : mechanisms()) {
        if (separator != '\0') out_ += separator;
        out_ += mechanism;
        separator = ' ';
      }
    };
    list("AUTH");
    if (settings_->broken_auth_clients) list("AUTH=");
  }
  if (client_.xclient) {
    offer(EhloKeywords::kXclient, "XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME LOGIN DESTADDR DESTPORT");
  }
  offer(EhloKeywords::kEnhancedStatusCodes, "ENHANCEDSTATUSCODES");
  offer(EhloKeywords::kEightBitMime, "8BITMIME");
  offer(EhloKeywords::kDsn, "DSN");
  if (settings_->smtputf8) offer(EhloKeywords::kSmtpUtf8, "SMTPUTF8");
  offer(EhloKeywords::kChunking, "CHUNKING");
  out_[last] = ' ';
  out_ += "\r\n";
}

}  // namespace hikyaku::smtp
