#include "io/thread_confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <thread>

namespace hikyaku::io {
namespace {

/// errno of what gives a descriptor; 0: it did.
int failure(int descriptor) {
  if (descriptor < 0) return errno;
  ::close(descriptor);
  return 0;
}
int open_file() { return failure(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }
int open_socket() { return failure(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
int start_program() {
  char name[] = "/bin/true";
  char* arguments[] = {name, nullptr};
  const pid_t child = ::vfork();
  if (child == 0) {
    ::execve(name, arguments, nullptr);
    ::_exit(errno);
  }
  return child < 0 ? errno : 0;
}

class ThreadConfinementTest : public testing::Test {
 protected:
  /// In a confined thread of its own.
  static void confined(const std::function<void()>& in) {
    bool has = false;
    std::thread([&] {
      has = confine_thread();
      if (has) in();
    }).join();
    if (!has) GTEST_SKIP() << "the kernel has no seccomp";
  }
};

TEST_F(ThreadConfinementTest, NeitherFileNorSocketNorProgramIsOpened) {
  int descriptors[2];
  ASSERT_EQ(::pipe(descriptors), 0);
  confined([&] {
    EXPECT_TRUE(thread_is_confined());
    EXPECT_EQ(open_file(), EPERM);
    EXPECT_EQ(open_socket(), EPERM);
    // What is open goes on.
    EXPECT_EQ(::write(descriptors[1], "x", 1), 1);
    char octet = 0;
    EXPECT_EQ(::read(descriptors[0], &octet, 1), 1);
  });
  ::close(descriptors[0]);
  ::close(descriptors[1]);
}

TEST_F(ThreadConfinementTest, AThreadThatItMakesIsConfinedToo) {
  confined([] { std::thread([] { EXPECT_EQ(open_file(), EPERM); }).join(); });
}

TEST_F(ThreadConfinementTest, OthersAreNot) {
  confined([] {});
  EXPECT_FALSE(thread_is_confined());
  EXPECT_EQ(open_file(), 0);
  EXPECT_EQ(start_program(), 0);
}

TEST_F(ThreadConfinementTest, WhoIsNotCanHaveConfinedOnesReadForIt) {
  confined([] {});
  EXPECT_EQ(by_reader(open_file), EPERM);
  EXPECT_EQ(by_reader([] { return std::string("and they give what it is"); }), "and they give what it is");
  WorkerPool pool(2, WorkerPool::Confined{});
  EXPECT_EQ(run_there(pool, open_socket), EPERM);
}

TEST_F(ThreadConfinementTest, AConfinedOneReadsByItself) {
  confined([] {
    const auto here = std::this_thread::get_id();
    EXPECT_TRUE(by_reader([here] { return std::this_thread::get_id() == here; }));
  });
}

TEST_F(ThreadConfinementTest, TheAskersThreadsAreNotConfinedWhoeverAsksFirst) {
  confined([] {
    EXPECT_EQ(by_asker(open_socket), 0);
    EXPECT_EQ(by_asker(start_program), 0);
  });
}

TEST_F(ThreadConfinementTest, TheOpenerOpensForIt) {
  confined([] {
    EXPECT_EQ(by_opener(open_file), 0);
    EXPECT_EQ(by_opener(open_socket), 0);
    EXPECT_EQ(by_opener([] { return std::string("and gives what it likes"); }), "and gives what it likes");
  });
  EXPECT_EQ(by_opener([] { return std::this_thread::get_id(); }), std::this_thread::get_id());
}

TEST_F(ThreadConfinementTest, UnixSocketsAreInStockForIt) {
  EXPECT_EQ(take_unix_socket(), -1) << "it can open its own";
  confined([] {
    std::set<int> taken;
    while (taken.size() < 100) {
      const int one = take_unix_socket();
      if (one < 0) {
        std::this_thread::yield();  // the opener is at it
        continue;
      }
      EXPECT_TRUE(taken.insert(one).second) << "nobody else has it";
      int family = 0;
      socklen_t size = sizeof family;
      EXPECT_EQ(::getsockopt(one, SOL_SOCKET, SO_DOMAIN, &family, &size), 0);
      EXPECT_EQ(family, AF_UNIX);
    }
    for (const int one : taken) ::close(one);
  });
}

}  // namespace
}  // namespace hikyaku::io
