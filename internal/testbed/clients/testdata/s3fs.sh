## mount
mountpoint -q mnt
## put
cp hello.txt empty mnt/
cp -r odd mnt/odd
## get
cmp mnt/hello.txt hello.txt
diff -r odd mnt/odd
## put multipart
cp big mnt/big
## get multipart
cmp mnt/big big
## get range
[ "$(dd if=mnt/hello.txt bs=1 skip=1 count=3 status=none)" = ell ]
## list
[ "$(ls mnt | tr '\n' ' ')" = 'big empty hello.txt odd ' ]
## head
[ "$(stat -c %s mnt/big)" = 20971520 ]
## append, overwrite, truncate
cp hello.txt mnt/w && echo more >>mnt/w && [ "$(tail -n 1 mnt/w)" = more ]
echo short >mnt/w && [ "$(cat mnt/w)" = short ]
truncate -s 3 mnt/w && [ "$(cat mnt/w)" = sho ]
## copy
cp mnt/hello.txt mnt/copy.txt && cmp mnt/copy.txt hello.txt
## move
mv mnt/copy.txt mnt/moved.txt && cmp mnt/moved.txt hello.txt && [ ! -e mnt/copy.txt ]
mv mnt/odd mnt/odd2 && diff -r odd mnt/odd2
## modes, links, attributes
chmod 640 mnt/moved.txt && [ "$(stat -c %a mnt/moved.txt)" = 640 ]
ln -s hello.txt mnt/link && cmp mnt/link hello.txt
touch -d 2020-01-01 mnt/moved.txt && [ "$(stat -c %Y mnt/moved.txt)" = "$(date -d 2020-01-01 +%s)" ]
## sync
cp -r tree mnt/tree && diff -r tree mnt/tree
## remove
rm mnt/moved.txt && [ ! -e mnt/moved.txt ]
## remove recursively
rm -r mnt/tree mnt/odd2 && [ ! -e mnt/tree ]
