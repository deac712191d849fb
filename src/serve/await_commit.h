#pragma once
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "io/group_committer.h"

namespace hikyaku::serve {

/// Submits the batch and resumes on the caller's executor once it is on the disk, or failed.
inline boost::asio::awaitable<Result<void>> commit_synced(io::GroupCommitter& committer, Kv::Batch batch) {
  auto initiate = [&committer](auto handler, Kv::Batch work) {
    auto executor = boost::asio::get_associated_executor(handler);
    committer.submit(std::move(work), [handler = std::move(handler), executor](Result<void> result) mutable {
      boost::asio::post(executor, [handler = std::move(handler), result = std::move(result)]() mutable {
        handler(std::move(result));
      });
    });
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Result<void>)>(
      std::move(initiate), boost::asio::use_awaitable, std::move(batch));
}

}  // namespace hikyaku::serve
