#pragma once
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "greylist/cron.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// What is known of a client and its message when rules are looked at. Envelope addresses stand in their
/// angle brackets, as the filter protocol hands them.
struct Facts {
  std::optional<table::Ip> client;  ///< none: it did not come over IP
  std::string client_name;          ///< "mx.example.org", or "[192.0.2.1]" for a client without a name
  /// The registered domain of `client_name`, and the network operator of the address, where they are known:
  /// what sender pools go by (sender_pool.h).
  std::string provider_domain;
  std::optional<std::uint32_t> autonomous_system;
  std::string helo;
  std::string raw_sender;             ///< as it was given
  std::string sender;                 ///< tuple_sender() of it (tuple.h)
  std::string recipient;              ///< the one that is decided on; empty at the end of the message
  std::vector<std::string> accepted;  ///< recipients so far
  std::string country;                ///< "CN"; "ZZ" if it is of none; empty: there is no database
  /// What a macro of the MTA is worth ("{auth_authen}", "j"); nullopt: it has none. Never empty itself.
  std::function<std::optional<std::string_view>(std::string_view)> macro = [](std::string_view) {
    return std::optional<std::string_view>();
  };

  // At the end of the message:
  std::vector<std::string> header_lines;  ///< "Name: value\r\n", as far as they are looked at
  std::vector<std::string> body_pieces;   ///< whole lines each
  std::int64_t message_size = 0;          ///< octets

  Time now{};
  std::tm local_time{};  ///< `now` where the program runs, with tm_gmtoff and tm_zone

  CronMoment moment() const {
    return {static_cast<unsigned>(local_time.tm_min), static_cast<unsigned>(local_time.tm_hour),
            static_cast<unsigned>(local_time.tm_mday), static_cast<unsigned>(local_time.tm_mon + 1),
            static_cast<unsigned>(local_time.tm_wday)};
  }
};

/// Without angle brackets and blanks around it.
std::string_view without_brackets(std::string_view address);
/// As the filter protocol hands an address that people type: in angle brackets.
std::string bracketed(std::string_view address);
/// Whether both are the same address, with brackets or not; without case.
bool same_address(std::string_view one, std::string_view other);

}  // namespace hikyaku::greylist
